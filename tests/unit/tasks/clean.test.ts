import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { cacheRooms } from '../../../build/cache/directory.ts';
import { markCache } from '../../../build/cache/mark.ts';
import { main } from '../../../tasks/command-line.ts';
import { temporaryFolder } from '../folder.ts';

const SUM = 'a'.repeat(64);
const ISO = 'qvdc-0.1.0-debian-x86_64.iso';
let folder = '';
let printed = '';

beforeEach(async () => {
  folder = await temporaryFolder();
  printed = '';
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      printed += String(text);
      return true;
    });
  }
  vi.stubEnv('QUANTIX_CACHE', join(folder, 'cache'));
  onTestFinished(() => void vi.unstubAllEnvs());
});

async function plant(directory: string, names: readonly string[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const name of names) await writeFile(join(directory, name), name);
}

test('clean leaves what is not ours in the output folder, and says so', async () => {
  const dist = join(folder, 'images');
  const others = ['debian-13.iso', 'notes.txt', 'qvdc-plan.pdf'];
  const leftOver = `.${ISO}.7-0123456789ab.tmp`;
  const papers = [`${ISO}.cdx.json`, `${ISO}.spdx.json`, `${ISO}.manifest.json`];
  const ours = [ISO, ...papers, leftOver];
  await plant(dist, [...others, ...ours]);
  await writeFile(join(dist, 'SHA256SUMS'), `${SUM}  debian-13.iso\n${SUM}  ${ISO}\n`);
  expect(await main(['clean', '--output', dist])).toBe(0);
  expect((await readdir(dist)).sort()).toEqual(['SHA256SUMS', ...others]);
  expect(printed).toContain('left what is not ours: SHA256SUMS, debian-13.iso, notes.txt');
});

test('clean removes all of a folder that only builds wrote to', async () => {
  const dist = join(folder, 'dist');
  await plant(dist, [ISO, `${ISO}.cdx.json`]);
  await writeFile(join(dist, 'SHA256SUMS'), `${SUM}  ${ISO}\n`);
  expect(await main(['clean', '--output', dist])).toBe(0);
  expect(await readdir(dist)).toEqual([]);
});

test('clean removes nothing from a folder that is no cache', async () => {
  const cache = join(folder, 'cache');
  await plant(join(cache, 'images'), ['holiday.jpg']);
  expect(await main(['clean', '--output', join(folder, 'dist')])).toBe(1);
  expect(printed).toContain('does not carry the mark');
  expect(await readdir(join(cache, 'images'))).toEqual(['holiday.jpg']);
});

test('a cache that carries our mark is cleaned, its downloads stay', async () => {
  const cache = cacheRooms(join(folder, 'cache'));
  markCache(cache);
  await plant(cache.steps, ['x']);
  await plant(cache.blobs, ['y']);
  expect(await main(['clean', '--output', join(folder, 'dist')])).toBe(0);
  expect((await readdir(cache.root)).sort()).toEqual(['CACHEDIR.TAG', 'blobs']);
});

test('a folder with other things does not become a cache', async () => {
  const cache = cacheRooms(join(folder, 'home'));
  await plant(cache.root, ['letter.txt']);
  expect(() => markCache(cache)).toThrow(
    /no cache of qx-build: it has letter\.txt .*QUANTIX_CACHE/,
  );
  const pictures = cacheRooms(join(folder, 'srv'));
  await plant(pictures.images, ['holiday.jpg']);
  expect(() => markCache(pictures)).toThrow(/it has images/);
});
