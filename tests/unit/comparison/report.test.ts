import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { main } from '../../../tasks/command-line.ts';
import { inDrawing } from '../drawing/xml.ts';
import { temporaryFolder } from '../folder.ts';
import { locked, sampleLock } from '../lock/locks.ts';
import { captureOutput } from '../tasks/captured-output.ts';
import { file } from '../tree/trees.ts';
import { rootfs, tarOf, writeSmallIso } from './images.ts';

const output = captureOutput();

const report = (...words: string[]) => main(['report', ...words]);

/** Reads the two files of a report, whose paths must be printed. */
async function written(folder: string, subject: string) {
  const [svg, json] = ['svg', 'json'].map((kind) => join(folder, `${subject}.${kind}`));
  expect(output.printed).toContain(`${svg}\n${json}\n`);
  return {
    svg: await readFile(svg ?? '', 'utf8'),
    data: JSON.parse(await readFile(json ?? '', 'utf8')),
  };
}

/** Returns the tool tips of a drawing. */
const hintsIn = (svg: string) =>
  [...svg.matchAll(/<title>([^<]*)<\/title><\/rect>/g)].map(([, hint]) => hint);

test('packages of two locks: changed versions and sizes', async () => {
  const folder = await temporaryFolder();
  const [old, fresh] = [join(folder, 'a.lock.json'), join(folder, 'b.lock.json')];
  const lock = { ...sampleLock(), packages: [locked('musl', { size: 3000 }), locked('old')] };
  const packages = [locked('musl', { size: 5000, version: '2' }), locked('<b>', { size: 70 })];
  await writeFile(old, JSON.stringify(lock));
  await writeFile(fresh, JSON.stringify({ ...lock, packages }));
  const output = join(folder, 'new/folder');
  expect(await report('packages', fresh, '--before', old, '--output', output)).toBe(0);
  const { svg, data } = await written(output, 'packages');
  expect(hintsIn(svg).map((hint) => hint?.split(',')[0])).toEqual([
    'musl: 1.0 → 2',
    '&lt;b&gt;: + 1.0',
    'old: - 1.0',
  ]);
  expect(hintsIn(svg)[0]).toBe('musl: 1.0 → 2, +2.0 kB');
  expect(data.packages[0]).toMatchObject({ name: 'musl', bytesBefore: 3000, bytesAfter: 5000 });
  expect(await inDrawing(svg, 'count(//*[local-name()="rect"])')).toBe('4');
});

test('a package whose size is known in only one of two images has no change of size', async () => {
  const folder = await temporaryFolder();
  const [image, lock] = [join(folder, 'a.tar'), join(folder, 'b.lock.json')];
  const tar = tarOf(rootfs('1'));
  await writeFile(image, tar);
  const sha256 = createHash('sha256').update(tar).digest('hex');
  const packages = [{ name: 'musl', version: '1.0', sha256: 'ab'.repeat(32) }];
  const manifest = { iso: { sha256 }, inputs: { packages } };
  await writeFile(`${image}.manifest.json`, JSON.stringify(manifest));
  const fresh = [locked('musl', { size: 5000, version: '2' })];
  await writeFile(lock, JSON.stringify({ ...sampleLock(), packages: fresh }));
  expect(await report('packages', lock, '--before', image, '--output', folder)).toBe(0);
  expect(hintsIn((await written(folder, 'packages')).svg)).toEqual(['musl: 1.0 → 2']);
});

test('sizes of an image, as a tree, beside those of another', async () => {
  const folder = await temporaryFolder();
  const tar = join(folder, 'a.tar');
  await writeFile(tar, tarOf(rootfs('1', file('usr/share/gone', 'g'.repeat(100)))));
  const system = rootfs('1', file('usr/share/doc', 'd'.repeat(90_000)));
  const iso = await writeSmallIso(folder, { system, build: 'aaaa', module: 'loop' });
  expect(await report('sizes', iso, '--before', tar, '--output', folder)).toBe(0);
  const { svg, data } = await written(folder, 'sizes');
  const root = data.tree.parts.find(({ name }: { name: string }) => name === 'rootfs');
  expect(root.size - root.before).toBe(90_000 - 100);
  const [usr] = root.parts;
  expect([usr.name, usr.size, usr.before]).toEqual(['usr', 590_000, 500_100]);
  // A file with two names counts once. A packed file of the medium counts only as what it contains.
  expect(JSON.stringify(data)).not.toContain('system.squashfs');
  expect(hintsIn(svg)).toContain('unpacked/rootfs/usr: 590 kB, +89.9 kB');
  expect(await inDrawing(svg, 'count(//*[@class="bad"])')).not.toBe('0');
  const first = svg;
  expect(await report('sizes', iso, '--before', tar, '--output', folder)).toBe(0);
  expect((await written(folder, 'sizes')).svg).toBe(first);
});

test('for a CI job a chart is also printed as text', async () => {
  const folder = await temporaryFolder();
  const system = rootfs('1', file('usr/share/doc', 'd'.repeat(90_000)));
  const iso = await writeSmallIso(folder, { system, build: 'aaaa', module: 'loop' });
  expect(await report('sizes', iso, '--json', '--output', folder)).toBe(0);
  const events = output.printed
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const [{ title, text }] = events.filter(({ event }) => event === 'chart');
  expect(title).toMatch(/^x\.iso: 59\d kB unpacked$/);
  expect(text).toMatch(/^ {4}usr +#{59,60} +590 kB$/m);
  expect(text).toMatch(/^ {6}bin +#{50,51} +500 kB$/m);
  expect(text).not.toContain('hostname');
});

test('a build: begin and duration of each step, and which came from the cache', async () => {
  const folder = await temporaryFolder();
  const image = join(folder, 'x.iso');
  const steps = [
    { step: 'iso', began: 9, seconds: 1.5, cached: false },
    { step: 'sea', began: 2, seconds: 1, cached: true, origin: 'ci-7' },
    { step: 'packages', began: 0, seconds: 3, cached: true },
  ];
  await writeFile(`${image}.manifest.json`, JSON.stringify({ steps }));
  expect(await report('build', image, '--output', folder)).toBe(0);
  const { svg, data } = await written(folder, 'build');
  expect(hintsIn(svg)).toEqual([
    'packages: 3.00 s, from the cache',
    'sea: 1.00 s, made by ci-7',
    'iso: 1.50 s',
  ]);
  expect(data.steps).toEqual(steps.toReversed());
  expect(svg).toContain('Build of x.iso: 10.5 s');
});

test.each([
  ['sizes of a lock', ['sizes', 'lock'], 'there are no files in it'],
  ['a build without a manifest', ['build', 'lock'], 'there is no manifest of its build'],
  ['a build of long ago', ['build', 'old'], 'does not say when each step of the build began'],
  ['packages of a tar', ['packages', 'tar', '--before', 'lock'], 'its packages are unknown'],
])('%s cannot be drawn', async (_what, [subject = '', image = '', ...rest], words) => {
  const folder = await temporaryFolder();
  const at = (name: string) => join(folder, name);
  await writeFile(at('lock'), JSON.stringify(sampleLock()));
  await writeFile(at('tar'), tarOf(rootfs('1')));
  const steps = [{ step: 'iso', seconds: 1, cached: false }];
  await writeFile(at('old.manifest.json'), JSON.stringify({ steps }));
  const options = rest.map((word) => (word.startsWith('-') ? word : at(word)));
  expect(await report(subject, at(image), ...options, '--output', folder)).toBe(1);
  expect(output.complained).toContain(words);
});

test('a comparison without --before is wrong usage', async () => {
  expect(await report('packages', 'x')).toBe(2);
  expect(output.complained).toContain('Since when? --before names it');
});
