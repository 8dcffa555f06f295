import { chmod, mkdir, open, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { leavePart, takePart } from '../../../build/cache/part.ts';
import { makePartPath, sweepTemporary } from '../../../build/cache/temporary.ts';
import { seal } from '../../../build/process/seal.ts';
import { emptyStore, leftovers, sample, storedBlobs } from './room.ts';

async function* inChunks(content: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 1000) yield content.subarray(at, at + 1000);
}

/** Overwrites a stored file. */
async function overwrite(path: string, content: Uint8Array): Promise<void> {
  await chmod(path, 0o644);
  await writeFile(path, content);
}

test('a stored stream can be read back and is verified', async () => {
  const { store } = await emptyStore();
  const { item, content } = sample([]);
  expect(await store.has(item)).toBe(false);
  expect(await readFile(await store.put(inChunks(content), item))).toEqual(content);
  expect(await store.has(item)).toBe(true);
  expect(await leftovers(store)).toEqual([]);
});

test('a stream with another hash or size is refused and leaves nothing', async () => {
  const { store } = await emptyStore();
  const { item, content } = sample([]);
  const flipped = Buffer.from(content);
  flipped[7] = (flipped[7] ?? 0) ^ 1;
  await expect(store.put(inChunks(flipped), item)).rejects.toThrow(`instead of ${item.sha256}`);
  await expect(store.put(inChunks(content.subarray(1)), item)).rejects.toThrow('only 299999 bytes');
  const longer = Buffer.concat([content, Buffer.of(0)]);
  await expect(store.put(inChunks(longer), item)).rejects.toThrow('more bytes instead of 300000');
  expect(await leftovers(store)).toEqual([]);
  expect(await store.has(item)).toBe(false);
});

test('a stored file that became shorter is removed with a note', async () => {
  const { store, notes } = await emptyStore();
  const { item, content } = sample([]);
  const path = await store.put(inChunks(content), item);
  await overwrite(path, content.subarray(1));
  expect(await store.has(item)).toBe(false);
  expect(notes).toEqual([expect.stringContaining(`${path} has 299999 bytes instead of 300000`)]);
  expect(await readdir(join(path, '..'))).toEqual([]);
});

test('a stored file that was modified is hashed again, and removed if it differs', async () => {
  const { store, notes } = await emptyStore();
  const { item, content } = sample([]);
  const path = await store.put(inChunks(content), item);
  await overwrite(path, content);
  expect(await store.has(item)).toBe(true);
  await overwrite(path, Buffer.alloc(content.length));
  expect(await store.has(item)).toBe(false);
  expect(notes).toEqual([expect.stringMatching(/has SHA-256 .* will be fetched again$/)]);
});

test('damage that leaves the time stamp of a file unchanged is found by verifying the file', async () => {
  const { store } = await emptyStore();
  expect(storedBlobs(store)).toEqual([]);
  const { item, content } = sample([]);
  const path = await store.put(inChunks(content), item);
  await overwrite(path, Buffer.alloc(content.length));
  await utimes(path, 1, 1);
  expect(await store.has(item)).toBe(true);
  expect(storedBlobs(store)).toEqual([item.sha256]);
  expect(await store.verify(item.sha256)).toBe('damaged');
  expect(await store.verify(item.sha256)).toBe('missing');
  expect(storedBlobs(store)).toEqual([]);
  expect(await store.has(item)).toBe(false);
});

test('temporary files of killed processes are made resumable or removed; those in use stay', async () => {
  const { store } = await emptyStore();
  const { tmp } = store.directory;
  const { item } = sample([]);
  await mkdir(tmp, { recursive: true });
  const now = Date.now();
  const hoursAgo = async (name: string, hours: number) => {
    await writeFile(join(tmp, name), 'x');
    const then = now / 1000 - hours * 3600;
    await utimes(join(tmp, name), then, then);
  };
  await hoursAgo(`${item.sha256}.part.77-abc`, 2);
  await hoursAgo(`${'0'.repeat(64)}.part.77-abc`, 0.1);
  await hoursAgo('tree.77-abc', 25);
  await hoursAgo('tree.78-abc', 23);
  await sweepTemporary(store.directory, now);
  expect((await leftovers(store)).sort()).toEqual(
    [`${'0'.repeat(64)}.part.77-abc`, `${item.sha256}.part`, 'tree.78-abc'].sort(),
  );
  expect(await readFile(makePartPath(store.directory, item.sha256), 'utf8')).toBe('x');
});

test('files that another process has sealed and not yet renamed, or has begun to resume, are not removed', async () => {
  const { store } = await emptyStore();
  const { tmp } = store.directory;
  await mkdir(tmp, { recursive: true });
  const path = join(tmp, 'index.77-abc');
  await writeFile(path, 'x');
  const file = await open(path, 'r+');
  await seal(file);
  await file.close();
  const { item } = sample([]);
  const part = makePartPath(store.directory, item.sha256);
  await writeFile(part, 'x');
  const longAgo = Date.now() / 1000 - 48 * 3600;
  await utimes(part, longAgo, longAgo);
  const resumed = await takePart(store.directory, item.sha256);
  await sweepTemporary(store.directory);
  expect(await readFile(path, 'utf8')).toBe('x');
  await leavePart(store.directory, item.sha256, resumed);
  expect(await readFile(part, 'utf8')).toBe('x');
});
