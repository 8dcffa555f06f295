import { randomBytes } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  type MirrorRequest,
  mirrorRelease,
} from '../../../../../apps/control-plane/updates/mirror.ts';
import { createUpdatesHandler } from '../../../../../apps/control-plane/updates/serve.ts';
import {
  type PinnedRelease,
  pin,
  readKept,
  sweep,
} from '../../../../../apps/control-plane/updates/tree.ts';
import { releasePath } from '../../../../../build/release/tree.ts';
import { temporaryFolder } from '../../../folder.ts';
import { newPair } from '../../../release/releases.ts';
import { LINE, listening, NOW, OURS, released } from './trees.ts';

let source = '';
let tree = '';
let upstream = '';
const asked: string[] = [];
/** Misbehaves in place of the server; returns whether it has answered the request. */
let prank: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;

beforeEach(async () => {
  const folder = await temporaryFolder();
  [source, tree] = [join(folder, 'source'), join(folder, 'tree')];
  prank = () => false;
  asked.length = 0;
  const handle = createUpdatesHandler(source);
  upstream = `${await listening((request, response) => {
    asked.push(`${request.url} ${request.headers.range ?? ''}`.trim());
    if (!prank(request, response)) void handle(request, response);
  })}/updates`;
});

function bring(changes: Partial<MirrorRequest> = {}) {
  return mirrorRelease({
    ...{ upstream, folder: tree, line: LINE, trusted: [OURS.trusted], limit: 10_000_000 },
    ...{ readPinned: async () => [], inTurn: (work) => work(), coming: new Map() },
    ...{ now: NOW, signal: new AbortController().signal },
    ...changes,
  });
}

const kept = async () => (await readKept(tree, LINE, [OURS.trusted]))?.release.version;
const images = () => readdirSync(join(tree, 'images'));

test('a release is downloaded once, with its image, byte for byte', async () => {
  expect(await bring()).toBe('none');
  const { release, bytes } = await released(source, '0.1.0');
  expect(await bring()).toEqual(release);
  expect(await readFile(join(tree, release.image.path))).toEqual(bytes);
  expect(await readFile(join(tree, releasePath(LINE)))).toEqual(
    await readFile(join(source, releasePath(LINE))),
  );
  asked.length = 0;
  expect(await bring()).toBe('same');
  expect(asked).toEqual([`/updates/${releasePath(LINE)}`]);
});

test('an interrupted download of an image is resumed', async () => {
  const { release, bytes } = await released(source, '0.1.0');
  let breaks = 3;
  prank = (request, response) => {
    const [, from = '0'] = /bytes=(\d+)-/.exec(request.headers.range ?? '') ?? [];
    if (!/\.iso$/.test(request.url ?? '') || breaks === 0) return false;
    breaks -= 1;
    const headers = { 'content-length': bytes.length - Number(from) };
    response.writeHead(from === '0' ? 200 : 206, headers);
    const to = Number(from) + 20_000;
    response.write(bytes.subarray(Number(from), to));
    // Waits until the sent bytes are written: otherwise, they would be lost with the connection.
    const part = join(tree, `${release.image.path}.part`);
    void vi
      .waitFor(() => expect(statSync(part).size).toBe(to), { timeout: 30_000 })
      .finally(() => response.destroy());
    return true;
  };
  for (let round = 0; round < 3; round += 1) {
    await expect(bring()).rejects.toThrow(/the connection (broke|ended)/);
    expect(await kept()).toBeUndefined();
  }
  expect(await bring()).toEqual(release);
  const starts = asked.flatMap((line) => /\.iso bytes=(\d+)/.exec(line)?.[1] ?? []).map(Number);
  expect(starts).toHaveLength(3);
  expect(starts).toEqual(starts.toSorted((a, b) => a - b));
  expect(await readFile(join(tree, release.image.path))).toEqual(bytes);
});

test.each([/\.json$/, /\.iso$/])(
  'a server that sends %s a byte at a time is given up, and the received part is kept',
  async (file) => {
    const { release, bytes } = await released(source, '0.1.0');
    const whole = await readFile(join(source, releasePath(LINE)));
    prank = (request, response) => {
      if (!file.test(request.url ?? '')) return false;
      const content = file.test('x.iso') ? bytes : whole;
      response.writeHead(200, { 'content-length': content.length });
      let at = 0;
      const dripping = setInterval(() => response.write(content.subarray(at, ++at)), 5);
      response.on('close', () => clearInterval(dripping));
      return true;
    };
    await expect(bring({ patience: 1500 })).rejects.toThrow(/only \d+ bytes arrived in 2 s/);
    prank = () => false;
    expect(await bring()).toEqual(release);
    if (file.test('x.iso')) expect(asked.at(-1)).toMatch(/bytes=[1-9]/);
  },
);

test('if the server does not support ranges, the download starts again from the beginning', async () => {
  const { release, bytes } = await released(source, '0.1.0');
  await mkdir(join(tree, 'images'), { recursive: true });
  await writeFile(join(tree, `${release.image.path}.part`), bytes.subarray(0, 3000));
  prank = (request, response) => {
    if (!/\.iso$/.test(request.url ?? '')) return false;
    response.end(bytes);
    return true;
  };
  expect(await bring()).toEqual(release);
  expect(asked.at(-1)).toBe(`/updates/${release.image.path} bytes=3000-`);
});

test('another release with the same serial is refused', async () => {
  await released(source, '0.1.0');
  await released(tree, '0.0.1');
  await expect(bring()).rejects.toThrow(/another image than the release of the same serial/);
});

describe('nothing is added to the tree', () => {
  test('that no trusted key has signed', async () => {
    await released(source, '0.1.0', { signer: newPair().signer });
    await expect(bring()).rejects.toThrow(/not signed with a key that is trusted/);
    await expect(bring({ trusted: [] })).rejects.toThrow(/no key for releases is trusted here/);
    expect(await kept()).toBeUndefined();
  });

  test('that is older than the present release, or has expired', async () => {
    await released(source, '0.1.0');
    const old = await readFile(join(source, releasePath(LINE)));
    await released(source, '0.2.0');
    await bring();
    await writeFile(join(source, releasePath(LINE)), old);
    await expect(bring()).rejects.toThrow('its serial is 1, and 2 was mirrored before');
    const late = new Date(NOW.getTime() + 31 * 86_400_000);
    await expect(bring({ now: late })).rejects.toThrow('the release expired at 2026-03-31');
    expect(await kept()).toBe('0.2.0');
  });

  test('that is of another update line', async () => {
    await released(source, '0.1.0', { channel: 'beta' });
    const beta = await readFile(join(source, releasePath({ ...LINE, channel: 'beta' })));
    prank = (request, response) => {
      if (!request.url?.endsWith('release.json')) return false;
      response.end(beta);
      return true;
    };
    await expect(bring()).rejects.toThrow('the release found there is of quantix-os/beta/x86_64');
  });

  test('whose image has another hash; the image is downloaded again later', async () => {
    const { release, bytes } = await released(source, '0.1.0');
    const wrong = Buffer.from(bytes);
    wrong[500] = wrong.readUInt8(500) ^ 1;
    await writeFile(join(source, release.image.path), wrong);
    await expect(bring()).rejects.toThrow(/its SHA-256 differs/);
    expect(images()).toEqual([]);
    await writeFile(join(source, release.image.path), Buffer.concat([bytes, bytes]));
    await expect(bring()).rejects.toThrow(`it has more than ${bytes.length} bytes`);
    await writeFile(join(source, release.image.path), bytes);
    expect(await bring()).toEqual(release);
  });

  test('that exceeds the space limit', async () => {
    await released(source, '0.1.0');
    await expect(bring({ limit: 99_999 })).rejects.toThrow(/there is no room for quantix-os 0.1.0/);
    expect(asked.filter((line) => line.includes('.iso'))).toEqual([]);
  });

  test('from a server that redirects, fails, or sends without end', async () => {
    await released(source, '0.1.0');
    prank = (_, response) => {
      response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
      return true;
    };
    await expect(bring()).rejects.toThrow(/answers 302/);
    prank = (_, response) => {
      response.writeHead(500).end();
      return true;
    };
    await expect(bring()).rejects.toThrow(/answers 500/);
    prank = (_, response) => {
      response.end(Buffer.alloc(300_000, 32));
      return true;
    };
    await expect(bring()).rejects.toThrow(/too long for a release/);
    await expect(bring({ upstream: 'http://127.0.0.1:1' })).rejects.toThrow(/does not answer/);
  });
});

test('an image is kept as long as a release or a roll-out names it', async () => {
  await released(source, '0.1.0');
  const first = await bring();
  const release = await readKept(tree, LINE, [OURS.trusted]);
  if (release === undefined || typeof first === 'string') throw new Error('nothing is kept');
  await pin(tree, release);
  await released(source, '0.2.0');
  const pinned = [{ ...LINE, serial: 1 }];
  await bring({ readPinned: async () => pinned });
  expect(images()).toHaveLength(2);
  await sweep(tree, [], []);
  expect(images()).toHaveLength(1);
  expect(await kept()).toBe('0.2.0');
  expect((await readKept(tree, LINE, [OURS.trusted]))?.isWhole).toBe(true);
});

test('a disk that an image would fill is left to the database', async () => {
  const { release } = await released(source, '0.1.0');
  const { bytes } = release.image;
  const readSpace = async () => ({ total: 10 * bytes, available: 1.4 * bytes });
  await expect(bring({ readSpace })).rejects.toThrow(/are left to the database/);
  expect(images()).toEqual([]);
  await bring({ readSpace: async () => ({ total: 10 * bytes, available: 1.6 * bytes }) });
  expect(await kept()).toBe('0.1.0');
});

test('a release whose roll-out begins while a newer one is requested is kept', async () => {
  await released(source, '0.1.0');
  await bring();
  const present = await readKept(tree, LINE, [OURS.trusted]);
  if (present === undefined) throw new Error('nothing is kept');
  await released(source, '0.2.0');
  const pinned: PinnedRelease[] = [];
  const turn = pLimit(1);
  const begun = Promise.withResolvers<void>();
  let start: Promise<void> | undefined;
  prank = (request) => {
    if (!/release\.json$/.test(request.url ?? '')) return false;
    start = turn(async () => {
      await pin(tree, present);
      await begun.promise;
      pinned.push({ ...LINE, serial: 1 });
    });
    return false;
  };
  const bringing = bring({ readPinned: async () => [...pinned], inTurn: (work) => turn(work) });
  await expect.poll(() => turn.pendingCount).toBe(1);
  begun.resolve();
  await Promise.all([bringing, start]);
  expect(await kept()).toBe('0.2.0');
  expect(images()).toHaveLength(2);
  expect(readdirSync(join(tree, releasePath(LINE), '..'))).toContain('1.json');
});

test('an interrupted download stays while the image of another line is downloaded', async () => {
  const coming = new Map<string, string>();
  const other = { ...LINE, channel: 'beta' };
  const { release } = await released(source, '0.1.0');
  await released(source, '0.1.0', { channel: other.channel });
  prank = (request, response) => {
    if (request.url?.endsWith(release.image.path) !== true) return false;
    response.writeHead(200, { 'content-length': release.image.bytes });
    response.write(randomBytes(20_000));
    const part = join(tree, `${release.image.path}.part`);
    void vi
      .waitFor(() => expect(statSync(part).size).toBe(20_000), { timeout: 30_000 })
      .finally(() => response.destroy());
    return true;
  };
  await expect(bring({ coming })).rejects.toThrow(/the connection (broke|ended)/);
  await bring({ coming, line: other });
  expect(images()).toContain(`${release.image.sha256}.iso.part`);
});

test('bytes that one write does not store are written by the next', async () => {
  const { release, bytes } = await released(source, '0.1.0');
  const file = await open(import.meta.filename);
  await file.close();
  const prototype: Pick<FileHandle, 'write'> = Object.getPrototypeOf(file);
  const { write: whole } = prototype;
  const write = vi.spyOn(prototype, 'write').mockImplementation(function (
    this: FileHandle,
    ...[piece, offset, length, position]: unknown[]
  ) {
    return Reflect.apply(whole, this, [piece, offset, Math.min(Number(length), 7000), position]);
  });
  onTestFinished(() => void write.mockRestore());
  await bring();
  expect(await readFile(join(tree, release.image.path))).toEqual(bytes);
});

test('files that no release names any more are removed to make room', async () => {
  await released(source, '0.1.0');
  await bring({ limit: 150_000 });
  await released(source, '0.2.0');
  // The old release stays until the new one is complete, so that hosts always get one of them.
  await expect(bring({ limit: 150_000 })).rejects.toThrow(/there is no room/);
  expect(await kept()).toBe('0.1.0');
  await bring({ limit: 200_000 });
  await released(source, '0.3.0');
  await bring({ limit: 200_000 });
  expect(await kept()).toBe('0.3.0');
});
