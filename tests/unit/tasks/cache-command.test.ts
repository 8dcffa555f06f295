import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { BlobStore } from '../../../build/cache/blob-store.ts';
import { listItems } from '../../../build/cache/contents.ts';
import { cacheRooms } from '../../../build/cache/directory.ts';
import { markCache } from '../../../build/cache/mark.ts';
import { sha256 } from '../../../build/step/digest.ts';
import { main } from '../../../tasks/command-line.ts';
import { temporaryFolder } from '../folder.ts';

let printed = '';

beforeEach(() => {
  printed = '';
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      printed += String(text);
      return true;
    });
  }
});

/** Creates a cache with two downloads, and names it in the environment. */
async function filledCache() {
  const cache = cacheRooms(join(await temporaryFolder(), 'cache'));
  markCache(cache);
  const store = new BlobStore(cache);
  const files: string[] = [];
  for (const text of ['one', 'three']) {
    async function* bytes() {
      yield Buffer.from(text);
    }
    files.push(await store.put(bytes(), { sha256: sha256(text), size: text.length }));
  }
  vi.stubEnv('QUANTIX_CACHE', cache.root);
  onTestFinished(() => void vi.unstubAllEnvs());
  return { cache, files };
}

test('the cache is listed by folder, with sizes and times of last use', async () => {
  await filledCache();
  vi.stubEnv('QUANTIX_CACHE_SIZE', '2GB');
  expect(await main(['cache', 'list'])).toBe(0);
  expect(printed).toMatch(/^blobs +2 +8 B +\d{4}-\d\d-\d\d +\d{4}-\d\d-\d\d$/m);
  expect(printed).toContain(': 8 B of 2.0 GB\n');
});

test('--cache-dir takes precedence over the variable', async () => {
  const { cache } = await filledCache();
  vi.stubEnv('QUANTIX_CACHE', join(await temporaryFolder(), 'other'));
  expect(await main(['cache', 'list', '--cache-dir', cache.root])).toBe(0);
  expect(printed).toContain(`${cache.root}: 8 B of `);
});

test('a damaged download is found, reported and removed; a second check finds nothing', async () => {
  const { cache, files } = await filledCache();
  const [damaged = ''] = files;
  await chmod(damaged, 0o644);
  await writeFile(damaged, 'two');
  expect(await main(['cache', 'verify'])).toBe(1);
  expect(printed).toContain('1 of them were damaged and are removed');
  expect(listItems(cache)).toHaveLength(1);
  expect(await main(['cache', 'verify'])).toBe(0);
});

test('a download that another build removes during the check is not damaged', async () => {
  const { files } = await filledCache();
  const verify = vi.spyOn(BlobStore.prototype, 'verify').mockImplementationOnce(async function (
    this: BlobStore,
    sha256,
  ) {
    await rm(files[0] ?? '');
    await rm(files[1] ?? '');
    verify.mockRestore();
    return this.verify(sha256);
  });
  expect(await main(['cache', 'verify'])).toBe(0);
  expect(printed).toContain('0 downloads and 0 results');
});

test('an invalid size is an error of one line, and entries in use are not pruned', async () => {
  const { cache } = await filledCache();
  expect(await main(['cache', 'prune', '--size', '20 gigs'])).toBe(1);
  expect(printed).toMatch(/^qx-build: "20 gigs" is not a size \(--size\)\. .*\n$/);
  expect(await main(['cache', 'prune', '--size', '0MB'])).toBe(0);
  expect(listItems(cache)).toHaveLength(2);
  expect(printed).toContain('What was used within the last hour stays');
});
