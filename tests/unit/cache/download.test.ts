import { chown, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { download } from '../../../build/cache/download.ts';
import { PackageGone } from '../../../build/cache/download-error.ts';
import { makePartPath } from '../../../build/cache/temporary.ts';
import { BuildError } from '../../../build/error.ts';
import {
  downloadOf,
  fileHandler,
  type Handler,
  leftovers,
  sample,
  serve,
  temporaryFolder,
  testContext,
} from './room.ts';

/** A user without privileges. */
const NOBODY = 65_534;

const BLOB_WRITER = join(import.meta.dirname, '../../../build/cache/blob-writer.ts');

/** Sends `bytes`, then closes the connection before the announced end. */
function cutAfter(bytes: Uint8Array, promised: number): Handler {
  return (_request, response) => {
    response.writeHead(200, { 'content-length': promised });
    response.write(bytes, () => response.destroy());
  };
}

/** Sends `bytes` as the complete body. */
function endAfter(bytes: Uint8Array): Handler {
  return (_request, response) => {
    response.write(bytes);
    response.end();
  };
}

function answer(status: number, headers: Record<string, string> = {}): Handler {
  return (_request, response) => response.writeHead(status, headers).end();
}

/** Uses one handler for each request in turn, and the last one for all further requests. */
function inTurn(...handlers: Handler[]): Handler {
  return (request, response) => {
    const handler = handlers.length > 1 ? handlers.shift() : handlers[0];
    handler?.(request, response);
  };
}

test('a file is downloaded, checked and stored under its hash, without left-overs', async () => {
  const { item, content } = sample([]);
  const { url } = await serve(fileHandler(content));
  const context = await testContext();
  const positions: number[] = [];
  const path = await download(
    { ...item, urls: [`${url}/a.deb`] },
    { ...context, onBytes: (position) => positions.push(position) },
  );
  expect(path).toBe(context.store.path(item.sha256));
  expect(await readFile(path)).toEqual(content);
  expect(positions[0]).toBe(0);
  expect(positions.at(-1)).toBe(item.size);
  expect(await leftovers(context.store)).toEqual([]);
  expect(await context.store.has(item)).toBe(true);
});

test('an interrupted download is resumed where it stopped', async () => {
  const { item, content } = sample([]);
  const { url, asked } = await serve(
    inTurn(cutAfter(content.subarray(0, 100_000), content.length), fileHandler(content)),
  );
  const context = await testContext();
  const path = await download({ ...item, urls: [`${url}/a`] }, context);
  expect(await readFile(path)).toEqual(content);
  expect(asked).toEqual(['/a', expect.stringMatching(/^\/a bytes=[1-9]\d*-$/)]);
  expect(context.pauses).toHaveLength(1);
});

test('a server that ignores Range makes the download start again', async () => {
  const { item, content } = sample([]);
  const whole: Handler = (_request, response) => response.end(content);
  const { url, asked } = await serve(inTurn(endAfter(content.subarray(0, 100_000)), whole));
  const context = await testContext();
  expect(await readFile(await download({ ...item, urls: [url] }, context))).toEqual(content);
  expect(asked).toEqual(['/', '/ bytes=100000-']);
});

test('a download resumes from the part that an earlier run left', async () => {
  const { item, content } = sample([]);
  const { url, asked } = await serve(fileHandler(content));
  const context = await testContext();
  await mkdir(context.store.directory.tmp, { recursive: true });
  await writeFile(makePartPath(context.store.directory, item.sha256), content.subarray(0, 250_000));
  expect(await readFile(await download({ ...item, urls: [url] }, context))).toEqual(content);
  expect(asked).toEqual(['/ bytes=250000-']);
});

test('a complete download of an earlier run is not requested again', async () => {
  const { item, content } = sample(['http://127.0.0.1:1/']);
  const context = await testContext();
  await mkdir(context.store.directory.tmp, { recursive: true });
  await writeFile(makePartPath(context.store.directory, item.sha256), content);
  expect(await readFile(await download(item, context))).toEqual(content);
});

test.skipIf(process.getuid?.() !== 0)(
  'a download that was sealed before its process was killed is taken over by a user without privileges (needs root, to become one)',
  async () => {
    const { item, content } = sample(['http://127.0.0.1:1/']);
    const { store } = await testContext();
    const part = makePartPath(store.directory, item.sha256);
    await mkdir(store.directory.tmp, { recursive: true });
    await writeFile(part, content, { mode: 0o444 });
    for (const path of [part, store.directory.tmp, store.directory.root])
      await chown(path, NOBODY, NOBODY);
    const code = `
    const { BlobWriter } = await import(${JSON.stringify(BLOB_WRITER)});
    process.setgid(${NOBODY});
    process.setuid(${NOBODY});
    const writer = await BlobWriter.resume(${JSON.stringify(part)});
    await writer.close();
    console.log(writer.length, writer.digest());`;
    const { stdout } = await execa(process.execPath, ['--input-type=module', '-e', code]);
    expect(stdout).toBe(`${item.size} ${item.sha256}`);
  },
);

test('a resumed part with wrong bytes is noticed at the end, and the file is downloaded anew from the same address', async () => {
  const { item, content } = sample([]);
  const { url, asked } = await serve(fileHandler(content));
  const context = await testContext();
  await mkdir(context.store.directory.tmp, { recursive: true });
  await writeFile(makePartPath(context.store.directory, item.sha256), Buffer.alloc(1000));
  expect(await readFile(await download({ ...item, urls: [url] }, context))).toEqual(content);
  expect(asked).toEqual(['/ bytes=1000-', '/']);
});

test('a file that one mirror lacks is downloaded from the next one, without waiting', async () => {
  const { item, content } = sample([]);
  const { url } = await serve((request, response) =>
    (request.url === '/good' ? fileHandler(content) : answer(404))(request, response),
  );
  const context = await testContext();
  await download({ ...item, urls: [`${url}/bad`, `${url}/good`] }, context);
  expect(context.pauses).toEqual([]);
});

test('a file that no mirror has is reported as gone, with the item and the addresses', async () => {
  const { url, asked } = await serve(answer(404));
  const { item } = sample([`${url}/a`, `${url}/b`]);
  const error = await download(item, await testContext()).catch((thrown: unknown) => thrown);
  if (!(error instanceof PackageGone)) throw error;
  expect(error).toBeInstanceOf(BuildError);
  expect(error.item).toBe(item);
  expect(error.message).toContain(`package busybox 1.36 is gone`);
  expect(error.message).toContain(`${url}/a, ${url}/b`);
  expect(asked).toEqual(['/a', '/b']);
});

test('an unreachable mirror is not mistaken for a missing file', async () => {
  const { url } = await serve(answer(404));
  const { item } = sample([`${url}/a`, 'http://127.0.0.1:1/b']);
  const error = await download(item, await testContext()).catch((thrown: unknown) => thrown);
  expect(error).not.toBeInstanceOf(PackageGone);
  expect(String(error)).toContain('could not download package busybox 1.36');
  expect(String(error)).toContain('the connection was refused (http://127.0.0.1:1/b)');
});

test('a server that answers with an error is asked again after the time it names', async () => {
  const { item, content } = sample([]);
  const { url } = await serve(
    inTurn(answer(500), answer(429, { 'retry-after': '7' }), fileHandler(content)),
  );
  const context = await testContext();
  await download({ ...item, urls: [url] }, context);
  expect(context.pauses).toEqual(['round 1, asked 0', 'round 2, asked 7000']);
});

test('a server that keeps answering with an error is given up, with its last answer', async () => {
  const { url, asked } = await serve(answer(503));
  const { item } = sample([url]);
  await expect(download(item, await testContext())).rejects.toThrow(
    'the server answered 503 Service Unavailable',
  );
  expect(asked).toHaveLength(5);
});

test('a server that ends every answer early is used as long as there is progress', async () => {
  const { item, content } = sample([], 1_000_000);
  const { url, asked } = await serve((request, response) => {
    const from = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
    response.writeHead(from === 0 ? 200 : 206, {
      'content-range': `bytes ${from}-${content.length - 1}/${content.length}`,
    });
    endAfter(content.subarray(from, from + 100_000))(request, response);
  });
  const context = await testContext();
  expect(await readFile(await download({ ...item, urls: [url] }, context))).toEqual(content);
  expect(asked).toHaveLength(10);
});

test('altered bytes are deleted, and the error names address, expected and found hash', async () => {
  const { item } = sample([]);
  const other = sample([]);
  const { url } = await serve(fileHandler(other.content));
  const context = await testContext();
  await expect(download({ ...item, urls: [`${url}/a`] }, context)).rejects.toThrow(
    `expected SHA-256 ${item.sha256}, got ${other.item.sha256} (${url}/a)`,
  );
  expect(await leftovers(context.store)).toEqual([]);
  expect(await context.store.has(item)).toBe(false);
});

test('after a mirror with altered bytes the next one is used from the start', async () => {
  const { item, content } = sample([]);
  const { url, asked } = await serve((request, response) =>
    fileHandler(request.url === '/good' ? content : Buffer.alloc(content.length))(
      request,
      response,
    ),
  );
  await download({ ...item, urls: [`${url}/bad`, `${url}/good`] }, await testContext());
  expect(asked).toEqual(['/bad', '/good']);
});

test('a file whose announced size is wrong is refused before it is read', async () => {
  const { item } = sample([]);
  const { url } = await serve(fileHandler(Buffer.alloc(100)));
  await expect(download({ ...item, urls: [url] }, await testContext())).rejects.toThrow(
    'expected 300000 bytes, there are 100',
  );
});

test('a server that sends without end is cut off', async () => {
  const { item } = sample([]);
  let closed = false;
  const { url } = await serve((_request, response) => {
    response.on('close', () => {
      closed = true;
    });
    const more = () => {
      response.write(Buffer.alloc(65_536));
      if (!closed) setImmediate(more);
    };
    more();
  });
  const context = await testContext();
  await expect(download({ ...item, urls: [url] }, context)).rejects.toThrow(
    'expected 300000 bytes, the server sends more',
  );
  expect(await leftovers(context.store)).toEqual([]);
});

test('a body without a size that ends early is resumed', async () => {
  const { item, content } = sample([]);
  const { url, asked } = await serve(
    inTurn(endAfter(content.subarray(0, 5)), fileHandler(content)),
  );
  await download({ ...item, urls: [url] }, await testContext());
  expect(asked).toEqual(['/', '/ bytes=5-']);
});

test('a silent server is given up after the time limit, before and within a body', async () => {
  const { item, content } = sample([]);
  const silent: Handler = () => {};
  const stopsMidway: Handler = (_request, response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 1000));
  };
  const { url, asked } = await serve(inTurn(silent, stopsMidway, fileHandler(content)));
  const context = await testContext({ stallAfter: 1500 });
  await download({ ...item, urls: [url] }, context);
  expect(asked).toEqual(['/', '/', '/ bytes=1000-']);
});

test('a reader that is slower than the time limit for servers is waited for', async () => {
  const { content } = sample([]);
  const { url } = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 1000));
    setImmediate(() => response.end(content.subarray(1000)));
  });
  const { transport } = await testContext({ stallAfter: 1000 });
  const { bytes } = await transport.open(url, { from: 0 });
  const got: Uint8Array[] = [];
  for await (const chunk of bytes) {
    if (got.length === 0) await sleep(2000);
    got.push(chunk);
  }
  expect(Buffer.concat(got).equals(content)).toBe(true);
});

test('the message for a silent server says how long nothing arrived', async () => {
  const { url } = await serve(() => {});
  const context = await testContext({ stallAfter: 50 });
  await expect(download(sample([url]).item, context)).rejects.toThrow('nothing arrived for 0.05 s');
});

test('a cancelled download is an error that says so, and leaves only the part that has arrived, to be resumed', async () => {
  const { item, content } = sample([]);
  const cancel = new AbortController();
  const { url } = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 100_000));
  });
  const context = await testContext();
  const onBytes = (position: number) => position === 100_000 && cancel.abort();
  await expect(
    download({ ...item, urls: [url] }, { ...context, onBytes, signal: cancel.signal }),
  ).rejects.toThrow('download of package busybox 1.36 was cancelled');
  expect(await leftovers(context.store)).toEqual([`${item.sha256}.part`]);
  const kept = await readFile(makePartPath(context.store.directory, item.sha256));
  expect(kept).toEqual(content.subarray(0, 100_000));
});

test('redirects are followed, and a log-in meant for one server stays with it', async () => {
  const { item, content } = sample([]);
  const seen: (string | undefined)[] = [];
  const note = (handler: Handler): Handler => {
    return (request, response) => {
      seen.push(request.headers.authorization);
      handler(request, response);
    };
  };
  const there = await serve(note(fileHandler(content)));
  const here = await serve(
    note((request, response) => {
      const location = request.url === '/a' ? '/b' : `${there.url}/c`;
      answer(302, { location })(request, response);
    }),
  );
  const url = here.url.replace('http://', 'http://me:secret@');
  await download({ ...item, urls: [`${url}/a`] }, await testContext());
  const logIn = `Basic ${Buffer.from('me:secret').toString('base64')}`;
  expect(seen).toEqual([logIn, logIn, undefined]);
});

test('redirects in a circle and out of HTTP are refused without another try', async () => {
  const circle = await serve(answer(301, { location: '/again' }));
  await expect(download(sample([circle.url]).item, await testContext())).rejects.toThrow(
    'the server redirects more than 5 times',
  );
  const out = await serve(answer(301, { location: 'file:///etc/passwd' }));
  await expect(download(sample([out.url]).item, await testContext())).rejects.toThrow(
    'the server redirects from http: to file:',
  );
  expect(out.asked).toHaveLength(1);
});

test('a proxy named in the environment is used, except for hosts in no_proxy', async () => {
  const { item, content } = sample([]);
  const proxy = await serve(fileHandler(content));
  const direct = await serve(answer(404));
  const env = { http_proxy: proxy.url, no_proxy: 'localhost' };
  const context = await testContext({ env });
  await download({ ...item, urls: ['http://mirror.invalid/a.deb'] }, context);
  expect(proxy.asked).toEqual(['http://mirror.invalid/a.deb']);
  const excepted = direct.url.replace('127.0.0.1', 'localhost');
  await expect(
    download(sample([`${excepted}/b`]).item, await testContext({ env })),
  ).rejects.toBeInstanceOf(PackageGone);
  expect(direct.asked).toEqual(['/b']);
  expect(proxy.asked).toHaveLength(1);
});

test('a proxy without a scheme, or for all protocols, is used as well', async () => {
  const { item, content } = sample([]);
  const proxy = await serve(fileHandler(content));
  const bare = proxy.url.replace('http://', '');
  for (const env of [{ http_proxy: bare }, { HTTP_PROXY: bare }, { all_proxy: proxy.url }]) {
    const context = await testContext({ env });
    await download({ ...item, urls: ['http://mirror.invalid/a.deb'] }, context);
  }
  expect(proxy.asked).toHaveLength(3);
});

test('an unusable proxy is an error, and not bypassed', async () => {
  const context = await testContext({ env: { http_proxy: 'socks5://me:secret@127.0.0.1:1' } });
  const error = await download(sample(['http://mirror.invalid/a']).item, context).catch(String);
  expect(error).toContain('the proxy is a socks5 proxy, not one for http');
  expect(error).not.toContain('secret');
});

test('a password in an address does not get into messages', async () => {
  const { url } = await serve(answer(403));
  const { item } = sample([`${url.replace('://', '://user:secret@')}/a`]);
  const error = await download(item, await testContext()).catch(String);
  expect(error).toContain(`the server answered 403 Forbidden (${url}/a)`);
  expect(error).not.toContain('secret');
});

test('a file address works, and is reported as missing if the file is', async () => {
  const { content } = sample([]);
  const file = join(await temporaryFolder(), 'a b.deb');
  await writeFile(file, content);
  const item = downloadOf(content, [pathToFileURL(file).href]);
  expect(await readFile(await download(item, await testContext()))).toEqual(content);
  const missing = { ...item, urls: [`${pathToFileURL(file).href}x`] };
  await expect(download(missing, await testContext())).rejects.toBeInstanceOf(PackageGone);
  await writeFile(file, 'short');
  await expect(download(item, await testContext())).rejects.toThrow('expected 300000 bytes');
});

test('an invalid address, or one with an unknown scheme, is refused', async () => {
  for (const url of ['nowhere', 'ftp://127.0.0.1/a', 'http://']) {
    await expect(download(sample([url]).item, await testContext())).rejects.toThrow(BuildError);
  }
  await expect(download(sample([]).item, await testContext())).rejects.toThrow('has no address');
});

test('a full disk ends the download at once, with the folder', async () => {
  const { item, content } = sample([]);
  const { url, asked } = await serve(fileHandler(content));
  const context = await testContext();
  const { root, tmp } = context.store.directory;
  await mkdir(tmp, { recursive: true });
  await symlink('/dev/full', makePartPath(context.store.directory, item.sha256));
  await expect(download({ ...item, urls: [url] }, context)).rejects.toThrow(
    `the disk is full (${root}). Free space there`,
  );
  expect(asked).toHaveLength(1);
  expect(await context.store.has(item)).toBe(false);
});

test('two simultaneous downloads of one file, as by two processes, both succeed', async () => {
  const { item, content } = sample([]);
  const { url } = await serve(fileHandler(content));
  const context = await testContext();
  const here = { ...item, urls: [url] };
  const [a, b] = await Promise.all([download(here, context), download(here, context)]);
  expect(a).toBe(b);
  expect(await readFile(a)).toEqual(content);
  expect(await leftovers(context.store)).toEqual([]);
});
