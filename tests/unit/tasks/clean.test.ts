import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { cacheRooms } from '../../../build/cache/directory.ts';
import { markCache } from '../../../build/cache/mark.ts';
import { formatReleaseFiles } from '../../../build/release/release-files.ts';
import { main } from '../../../tasks/command-line.ts';
import { PROJECT } from '../../../tasks/project.ts';
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

async function writeFiles(directory: string, names: readonly string[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const name of names) await writeFile(join(directory, name), name);
}

test('clean leaves files that builds did not write in the output folder, and lists them', async () => {
  const dist = join(folder, 'images');
  const others = ['debian-13.iso', 'notes.txt', 'qvdc-plan.pdf'];
  const leftOver = `.${ISO}.7-0123456789ab.tmp`;
  const documents = [`${ISO}.cdx.json`, `${ISO}.spdx.json`, `${ISO}.manifest.json`];
  const ours = [ISO, ...documents, leftOver];
  await writeFiles(dist, [...others, ...ours]);
  await writeFile(join(dist, 'SHA256SUMS'), `${SUM}  debian-13.iso\n${SUM}  ${ISO}\n`);
  expect(await main(['clean', '--output', dist])).toBe(0);
  expect((await readdir(dist)).sort()).toEqual(['SHA256SUMS', ...others]);
  expect(printed).toContain('left what is not ours: SHA256SUMS, debian-13.iso, notes.txt');
});

test('clean removes all of a folder that only builds wrote to', async () => {
  const dist = join(folder, 'dist');
  await writeFiles(dist, [ISO, `${ISO}.cdx.json`]);
  await writeFile(join(dist, 'SHA256SUMS'), `${SUM}  ${ISO}\n`);
  expect(await main(['clean', '--output', dist])).toBe(0);
  expect(await readdir(dist)).toEqual([]);
});

test('clean works in the current folder, and removes the images of a profile that is there', async () => {
  const names = ['mine-0.1.0-debian-x86_64-dev-rootfs.tar', 'others-0.1.0-rootfs.tar'];
  await writeFiles(join(folder, 'dist'), names);
  const shipped = JSON.stringify(join(PROJECT, 'profiles/qvdc.ts'));
  const text = `import qvdc from ${shipped};\nexport default { ...qvdc, name: 'mine' };\n`;
  await writeFile(join(folder, 'mine.ts'), text);
  vi.spyOn(process, 'cwd').mockReturnValue(folder);
  expect(await main(['clean', '--profile', './mine.ts'])).toBe(0);
  expect(await readdir(join(folder, 'dist'))).toEqual(names.slice(1));
});

/** Makes a signed release of one image in three formats, with a provenance that its builder signed. */
async function makeSignedRelease(directory: string): Promise<void> {
  const documents = [`${ISO}.manifest.json`, `${ISO}.intoto.json`, `${ISO}.intoto.jsonl`];
  const images = [
    ISO,
    ISO.replace('.iso', '-netboot.tar'),
    ISO.replace('.iso', '.ova'),
    ...documents,
  ];
  await writeFiles(directory, [
    ...images,
    'release.dsse.json',
    'SHA256SUMS.minisig',
    'SHA256SUMS.sig',
  ]);
  const files = images.map((path) => ({ path, size: 1, sha256: SUM, kind: 'iso' as const }));
  const list = formatReleaseFiles({ version: '0.2.0', files });
  await writeFile(join(directory, 'release.json'), list);
  const names = [...images, 'release.json', 'release.dsse.json'];
  const sums = names.map((name) => `${SUM}  ${name}\n`);
  await writeFile(join(directory, 'SHA256SUMS'), sums.join(''));
}

test('clean removes release folders with their contents, whether signed or unfinished', async () => {
  const dist = join(folder, 'dist');
  await makeSignedRelease(join(dist, '0.2.0'));
  await writeFiles(join(dist, '0.3.0'), [
    ISO,
    `${ISO}.manifest.json`,
    ISO.replace('.iso', '-oci.tar'),
  ]);
  expect(await main(['clean', '--output', dist])).toBe(0);
  expect(await readdir(dist)).toEqual([]);
  expect(printed).toContain(`${dist}: removed 14 files.`);
  expect(printed).not.toContain('left');
});

test('clean leaves files that builds did not write in release folders, and folders that are no releases', async () => {
  const dist = join(folder, 'dist');
  await makeSignedRelease(join(dist, '0.2.0'));
  await writeFiles(join(dist, '0.2.0'), ['notes.txt']);
  await writeFiles(join(dist, 'mine'), [ISO, `${ISO}.manifest.json`]);
  await writeFiles(join(dist, '1.0.0'), ['release.json', 'SHA256SUMS.sig']);
  await symlink(join(dist, 'mine'), join(dist, '4.0.0'));
  expect(await main(['clean', '--output', dist])).toBe(0);
  expect(await readdir(join(dist, '0.2.0'))).toEqual(['notes.txt']);
  expect(await readdir(join(dist, '1.0.0'))).toEqual(['SHA256SUMS.sig', 'release.json']);
  expect(await readdir(join(dist, 'mine'))).toHaveLength(2);
  expect(printed).toMatch(/left what is not ours: 0\.2\.0\/notes\.txt, .*4\.0\.0, mine/);
});

test('clean removes nothing at all if the checksums of a release are malformed', async () => {
  const dist = join(folder, 'dist');
  await writeFiles(dist, [ISO, `${ISO}.manifest.json`]);
  await writeFiles(join(dist, '0.2.0'), ['SHA256SUMS']);
  expect(await main(['clean', '--output', dist])).toBe(1);
  expect(await readdir(dist)).toHaveLength(3);
});

test('clean removes nothing from a folder that is not a cache', async () => {
  const cache = join(folder, 'cache');
  await writeFiles(join(cache, 'images'), ['holiday.jpg']);
  expect(await main(['clean', '--output', join(folder, 'dist')])).toBe(1);
  expect(printed).toContain('does not carry the mark');
  expect(await readdir(join(cache, 'images'))).toEqual(['holiday.jpg']);
});

test('a cache with its mark is cleaned, but its downloads stay', async () => {
  const cache = cacheRooms(join(folder, 'cache'));
  markCache(cache);
  await writeFiles(cache.steps, ['x']);
  await writeFiles(cache.blobs, ['y']);
  expect(await main(['clean', '--output', join(folder, 'dist')])).toBe(0);
  expect((await readdir(cache.root)).sort()).toEqual(['CACHEDIR.TAG', 'blobs']);
});

test('a folder with other things does not become a cache', async () => {
  const cache = cacheRooms(join(folder, 'home'));
  await writeFiles(cache.root, ['letter.txt']);
  expect(() => markCache(cache)).toThrow(
    /not a cache of qx-build: it has letter\.txt .*QUANTIX_CACHE/,
  );
  const pictures = cacheRooms(join(folder, 'srv'));
  await writeFiles(pictures.images, ['holiday.jpg']);
  expect(() => markCache(pictures)).toThrow(/it has images/);
});
