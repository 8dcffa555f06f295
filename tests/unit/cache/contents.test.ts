import { mkdir, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { cacheLimit, listItems, pruneCache } from '../../../build/cache/contents.ts';
import { cacheRooms } from '../../../build/cache/directory.ts';
import { emptyStore, temporaryFolder } from './room.ts';

const DAY = 86_400_000;

test.each([
  [undefined, 20e9],
  ['', 20e9],
  ['500MB', 500e6],
  ['1.5 TB', 1.5e12],
])('a limit of %j is %d bytes', (text, bytes) => {
  expect(cacheLimit({ QUANTIX_CACHE_SIZE: text })).toBe(bytes);
});

test.each(['20', '20G', '20 gb', '-1GB', '1e3GB', 'GB', '20GB '])(
  'a limit of %j is refused',
  (text) => {
    expect(() => cacheLimit({ QUANTIX_CACHE_SIZE: text })).toThrow(
      /is not a size \(QUANTIX_CACHE_SIZE\)\. Write a number with a unit/,
    );
  },
);

/** Creates a cache with files of 100 bytes: path → days since the last use. */
async function aged(files: Readonly<Record<string, number>>) {
  const cache = cacheRooms(await temporaryFolder());
  for (const [path, days] of Object.entries(files)) {
    const file = join(cache.root, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, 'x'.repeat(100));
    await utimes(file, new Date(Date.now() - days * DAY), 1);
  }
  return cache;
}

test('the least recently used entries of all folders are removed first, and no more than necessary', async () => {
  const cache = await aged({
    'blobs/sha256/aa/aa': 3,
    'opened/debian/bb.blob': 9,
    'steps/squashfs/cc/image': 5,
    'steps/squashfs/cc/step.json': 7,
    'steps/squashfs/.making-x/image': 20,
    'resolved/dd.json': 1,
  });
  const removed = await pruneCache(cache, { limit: 200, since: Date.now() });
  expect(removed.map(({ room }) => room)).toEqual(['opened', 'steps']);
  expect(
    listItems(cache)
      .map(({ room }) => room)
      .sort(),
  ).toEqual(['blobs', 'resolved']);
});

test('entries that a build is using stay, however small the limit is', async () => {
  const cache = await aged({ 'blobs/sha256/aa/aa': 0, 'blobs/sha256/bb/bb': 2 });
  const removed = await pruneCache(cache, { limit: 0, since: Date.now() });
  expect(removed.map(({ path }) => path)).toEqual([join(cache.blobs, 'sha256/bb/bb')]);
});

test('a download that is used again is no longer the oldest', async () => {
  const { store } = await emptyStore();
  const content = Buffer.from('content');
  const blob = {
    sha256: 'ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73',
    size: content.length,
  };
  async function* bytes() {
    yield content;
  }
  const file = await store.put(bytes(), blob);
  await utimes(file, new Date(Date.now() - 9 * DAY), 1);
  expect(await store.has(blob)).toBe(true);
  expect(Date.now() - (await stat(file)).atimeMs).toBeLessThan(DAY);
});
