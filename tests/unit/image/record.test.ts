import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cacheRooms } from '../../../build/cache/directory.ts';
import { buildManifest } from '../../../build/image/manifest.ts';
import { planImage } from '../../../build/image/plan.ts';
import { isUpToDate, readRecord, writeRecord } from '../../../build/image/record.ts';
import { sha256 } from '../../../build/step/digest.ts';
import { temporaryFolder } from '../folder.ts';
import { sampleFacts } from './facts.ts';

const facts = await sampleFacts();
const plan = planImage(facts);

/** Creates an image with its record. */
async function built() {
  const folder = await temporaryFolder();
  const image = join(folder, 'x.iso');
  await writeFile(image, 'iso');
  const cache = cacheRooms(join(folder, 'cache'));
  await writeRecord(cache, image, { plan, sha256: sha256('iso') });
  const now = () => isUpToDate(readRecord(cache, image), image, plan);
  return { cache, image, now };
}

test('an image that was built and not modified since is up to date', async () => {
  const { cache, image, now } = await built();
  expect(now()).toBe(true);
  expect(readRecord(cache, image)).toMatchObject({ sha256: sha256('iso'), size: 3 });
});

test('an image that was never built is not up to date', async () => {
  const { cache, image } = await built();
  expect(readRecord(cache, `${image}.other`)).toBeUndefined();
  expect(isUpToDate(undefined, image, plan)).toBe(false);
});

test.each<[string, (image: string) => Promise<void>]>([
  ['removed', (image) => rm(image)],
  ['written over', (image) => writeFile(image, 'other')],
  ['touched', (image) => utimes(image, 1, 1)],
])('an image that was %s is not up to date', async (_, touch) => {
  const { image, now } = await built();
  await touch(image);
  expect(now()).toBe(false);
});

test('an image of another plan is not up to date', async () => {
  const { cache, image } = await built();
  const other = planImage({ ...facts, version: '9' });
  expect(isUpToDate(readRecord(cache, image), image, other)).toBe(false);
});

test('an image with results of other builders is not up to date if these are forbidden', async () => {
  const { cache, image } = await built();
  const others = () => isUpToDate(readRecord(cache, image), image, plan, 'forbidden');
  expect(others()).toBe(true);
  await writeRecord(cache, image, { plan, sha256: sha256('iso'), isOfOthers: true });
  expect(others()).toBe(false);
});

test.each(['', '{', '[]', '{"size": "3"}', '{"steps": [{}]}'])(
  'a record with %j is ignored',
  async (text) => {
    const { cache, image } = await built();
    await rm(cache.images, { recursive: true });
    await mkdir(cache.images);
    await writeFile(join(cache.images, `${sha256(image).slice(0, 32)}.json`), text);
    expect(readRecord(cache, image)).toBeUndefined();
  },
);

test('the manifest names inputs and outputs', async () => {
  const { image } = await built();
  const iso = { sha256: sha256('iso'), files: { '/boot/vmlinuz': 'f'.repeat(64) } };
  const times = [{ step: 'iso', began: 0, seconds: 1.5, cached: false }];
  const script = {
    ...{ package: 'bash', version: '1', script: 'post-install' },
    ...{ sha256: sha256('text'), text: 'text' },
  };
  const scripts = [
    { ...script, verdict: 'reviewed', reason: 'not needed' },
    { ...script, script: 'trigger', verdict: 'unseen' },
  ] as const;
  const source = { commit: '0123456789'.repeat(4), dirty: true };
  const made = { iso, file: image, times, scripts, artifacts: [] };
  const text = buildManifest({ facts, plan, source, ...made });
  expect(text.endsWith('}\n')).toBe(true);
  const manifest = JSON.parse(text);
  expect(manifest).toMatchObject({
    format: 1,
    profile: 'qvdc',
    base: 'debian',
    architecture: 'x86_64',
    flavour: 'virt',
    imageFormat: 'iso',
    release: facts.release,
    buildId: plan.buildId,
    source,
    iso: { name: 'x.iso', size: 3, sha256: sha256('iso') },
    files: { '/boot/vmlinuz': 'f'.repeat(64) },
    scriptsNotRun: [
      { script: 'post-install', verdict: 'reviewed', reason: 'not needed' },
      { script: 'trigger', verdict: 'unseen', text: 'text' },
    ],
    steps: times,
  });
  const names = manifest.inputs.packages.map(({ name }: { name: string }) => name);
  expect(names).toEqual(['bash', 'busybox-static', 'linux-cloud']);
});
