import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { computeBackOff, download, fetchRelease } from '../../../../apps/update/download.ts';
import { makeServerSource, parseServerAddress } from '../../../../apps/update/server.ts';
import { hastyClock, imageOf, releaseOf } from './world.ts';

const IMAGE = imageOf('0.2.0', 3_000_000);
const { release, envelope } = releaseOf(IMAGE);

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

/** Starts a real server. @returns its address, and the requested ranges */
async function serve(listener: RequestListener): Promise<{ address: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers.range ?? 'all');
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const source = (address: string, patience?: number) =>
  makeServerSource({
    address,
    product: 'quantix-os',
    channel: 'stable',
    architecture: 'x86_64',
    patience,
  });

/** Fetches the image from a server. */
async function fetched(
  address: string,
  {
    from = 0,
    budget = 10_000_000,
    signal = new AbortController().signal,
    patience,
  }: { from?: number; budget?: number; signal?: AbortSignal; patience?: number } = {},
): Promise<{ bytes: Buffer; waits: number[]; problems: string[] }> {
  const clock = hastyClock();
  const problems: string[] = [];
  const pieces: Uint8Array[] = [];
  const found = source(address, patience);
  for await (const piece of download({
    source: found.name,
    open: (part) => found.openImage(release, part),
    ...{ from, bytes: IMAGE.length, budget, clock, signal },
    onFailure: (problem) => problems.push(problem),
  })) {
    pieces.push(piece);
  }
  return { bytes: Buffer.concat(pieces), waits: clock.slept, problems };
}

/** Answers as web servers do. */
const ordinary: RequestListener = (request, response) => {
  if (request.url === '/quantix-os/stable/x86_64/release.json') return response.end(envelope);
  if (request.url !== `/${release.image.path}`) return response.writeHead(404).end();
  const [, start] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
  if (start === undefined) {
    return response.writeHead(200, { 'content-length': IMAGE.length }).end(IMAGE);
  }
  const range = `bytes ${start}-${IMAGE.length - 1}/${IMAGE.length}`;
  return response.writeHead(206, { 'content-range': range }).end(IMAGE.subarray(Number(start)));
};

describe('from a server', () => {
  test('a release and its image are downloaded, from any byte on', async () => {
    const { address, asked } = await serve(ordinary);
    expect(await source(address).readRelease(new AbortController().signal)).toBe(envelope);
    expect((await fetched(address)).bytes.equals(IMAGE)).toBe(true);
    const rest = await fetched(address, { from: 1_000_000 });
    expect(rest.bytes.equals(IMAGE.subarray(1_000_000))).toBe(true);
    expect(asked).toEqual(['all', 'all', 'bytes=1000000-']);
  });

  test('that fails and recovers, an image is complete, with each byte once', async () => {
    let calls = 0;
    const { address, asked } = await serve((request, response) => {
      calls += 1;
      if (calls === 2) return response.destroy();
      if (calls === 3) return response.writeHead(503).end();
      if (calls > 3) return ordinary(request, response);
      response.writeHead(200, { 'content-length': IMAGE.length });
      return response.write(IMAGE.subarray(0, 1_500_000), () => response.destroy());
    });
    const { bytes, problems, waits } = await fetched(address);
    expect(bytes.equals(IMAGE)).toBe(true);
    expect(problems).toHaveLength(3);
    expect(problems[2]).toBe('the server answers 503');
    expect(waits).toHaveLength(3);
    const [first, ...more] = asked;
    expect(first).toBe('all');
    expect(new Set(more).size).toBe(1);
    expect(more[0]).not.toBe('all');
  });

  test('without support for ranges, bytes that are present already are skipped', async () => {
    const { address } = await serve((_request, response) => response.writeHead(200).end(IMAGE));
    const { bytes } = await fetched(address, { from: 2_000_000 });
    expect(bytes.equals(IMAGE.subarray(2_000_000))).toBe(true);
  });

  test('that lacks the file, the download ends at once, with a fix', async () => {
    const { address, asked } = await serve((_request, response) => response.writeHead(404).end());
    await expect(fetched(address)).rejects.toThrow(/answers 404 .*check its address/);
    expect(asked).toHaveLength(1);
  });

  test('that redirects, the download is refused', async () => {
    const { address } = await serve((_request, response) =>
      response.writeHead(302, { location: 'http://192.0.2.1/' }).end(),
    );
    await expect(fetched(address)).rejects.toThrow(/answers 302, and sends elsewhere/);
  });

  test('that keeps failing, the download is given up after increasing waits', async () => {
    const { address, asked } = await serve((_request, response) => response.writeHead(500).end());
    await expect(fetched(address)).rejects.toThrow(/given up after 37 tries/);
    expect(asked).toHaveLength(37);
  });

  test('that has another file under the name, the download ends', async () => {
    const { address, asked } = await serve((_request, response) => response.end('something else'));
    await expect(fetched(address)).rejects.toThrow('the server has 14 bytes under this name');
    expect(asked).toHaveLength(1);
  });

  test('that sends more than the size of the image, the download ends', async () => {
    const { address } = await serve((_request, response) => {
      response.write(IMAGE);
      response.end('and more');
    });
    await expect(fetched(address)).rejects.toThrow(/more than the 3000000 bytes/);
  });

  test('that sends a wrong range, the request is repeated', async () => {
    let calls = 0;
    const { address } = await serve((request, response) => {
      calls += 1;
      if (calls > 1) return ordinary(request, response);
      const headers = { 'content-range': `bytes 0-99/${IMAGE.length}` };
      return response.writeHead(206, headers).end(IMAGE.subarray(0, 100));
    });
    const { bytes, problems } = await fetched(address, { from: 1_000 });
    expect(problems).toEqual(['the server did not return the range from byte 1000 on']);
    expect(bytes.equals(IMAGE.subarray(1_000))).toBe(true);
  });

  test('that breaks off too often, no more is downloaded than the budget allows', async () => {
    const { address } = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': IMAGE.length });
      response.write(IMAGE.subarray(0, 1_100_000), () => response.destroy());
    });
    await expect(fetched(address, { budget: 4_000_000 })).rejects.toThrow(
      /had taken the 4000000 bytes/,
    );
  });

  test('that falls silent, the connection is closed and tried again', async () => {
    let calls = 0;
    const { address } = await serve((request, response) => {
      calls += 1;
      if (calls > 1) return ordinary(request, response);
      response.writeHead(200, { 'content-length': IMAGE.length });
      return response.write(IMAGE.subarray(0, 1000));
    });
    const { bytes, problems } = await fetched(address, { patience: 100 });
    expect(bytes.equals(IMAGE)).toBe(true);
    // On a busy machine, a working server may also be late.
    expect(problems.length).toBeGreaterThan(0);
  });

  test('a download can be cancelled', async () => {
    const cancel = new AbortController();
    const { address } = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': IMAGE.length });
      response.write(IMAGE.subarray(0, 1000), () => cancel.abort());
    });
    await expect(fetched(address, { signal: cancel.signal })).rejects.toThrow(/abort/);
  });
});

/** Requests the release from a server, for a minute at most. */
async function asked(
  address: string,
  { signal = new AbortController().signal, clock = hastyClock(), patience = 30_000 } = {},
): Promise<{ text: string; waits: number[]; problems: string[] }> {
  const problems: string[] = [];
  const text = await fetchRelease({
    ...{ source: source(address, patience), within: 60_000, clock, signal },
    onFailure: (problem) => problems.push(problem),
  });
  return { text, waits: clock.slept, problems };
}

describe('a download of release.json', () => {
  test('is repeated if the server is overloaded or breaks off', async () => {
    let calls = 0;
    const { address } = await serve((request, response) => {
      calls += 1;
      if (calls === 1) return response.writeHead(503).end();
      if (calls === 2) return response.destroy();
      if (calls > 3) return ordinary(request, response);
      response.writeHead(200, { 'content-length': envelope.length });
      return response.write(envelope.slice(0, 100), () => response.destroy());
    });
    const { text, waits, problems } = await asked(address);
    expect(text).toBe(envelope);
    expect(problems).toEqual([
      'the server answers 503',
      expect.stringContaining('cannot be reached'),
      expect.stringContaining('the connection broke'),
    ]);
    expect(waits.map((wait) => Math.ceil(wait / 1000))).toEqual([1, 2, 4]);
  });

  test('is repeated if the server falls silent', async () => {
    let calls = 0;
    const { address } = await serve((request, response) => {
      calls += 1;
      return calls === 1 ? undefined : ordinary(request, response);
    });
    const { text, problems } = await asked(address, { patience: 1000 });
    expect(text).toBe(envelope);
    expect(problems[0]).toMatch(/did not come within 1 s|nothing came for 1 s/);
  });

  test('is given up in time if the server keeps failing, with its last answer and a fix', async () => {
    const { address } = await serve((_request, response) => response.writeHead(503).end());
    const clock = hastyClock();
    await expect(asked(address, { clock })).rejects.toThrow(
      /no release\.json after \d tries: the server answers 503 \(http.*\)\. See that the server runs/,
    );
    expect(clock.elapsed()).toBeLessThanOrEqual(60_000);
    expect(clock.slept.length).toBeGreaterThan(4);
  });

  test('is not repeated if the server has no release', async () => {
    const { address, asked: calls } = await serve((_request, response) =>
      response.writeHead(404).end(),
    );
    await expect(asked(address)).rejects.toThrow(/answers 404 .*check its address/);
    expect(calls).toHaveLength(1);
  });

  test('is given up if the server sends single bytes with long pauses', async () => {
    const { address } = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': envelope.length });
      const dripping = setInterval(() => response.write('{'), 20);
      response.on('close', () => clearInterval(dripping));
    });
    await expect(asked(address, { patience: 150 })).rejects.toThrow(
      'the release did not come within 0.15 s',
    );
  });

  test('can be cancelled during a wait and during a request', async () => {
    const waiting = new AbortController();
    const failing = await serve((_request, response) => response.writeHead(503).end());
    const clock = { ...hastyClock(), sleep: async () => waiting.abort() };
    await expect(asked(failing.address, { signal: waiting.signal, clock })).rejects.toThrow(
      /abort/,
    );
    expect(failing.asked).toHaveLength(1);
    const asking = new AbortController();
    const silent = await serve(() => asking.abort());
    await expect(asked(silent.address, { signal: asking.signal })).rejects.toThrow(/abort/);
  });
});

test('failed requests are repeated after waits that double up to a minute, and differ from machine to machine', () => {
  expect([1, 2, 3, 7, 30].map((failures) => computeBackOff(failures, 0))).toEqual([
    1_000, 2_000, 4_000, 60_000, 60_000,
  ]);
  expect(computeBackOff(3, 1)).toBe(3_000);
});

test.each([
  'ftp://updates.example',
  'updates.example',
  'https://name:word@updates.example',
  'https://u/?a',
])('%s is not the address of a server', (text) => {
  expect(() => parseServerAddress(text)).toThrow('is not the address of an update server');
});
