import { rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cacheRooms } from '../../../build/cache/directory.ts';
import { explainImage } from '../../../build/image/explain.ts';
import { listSteps, planImage } from '../../../build/image/plan.ts';
import { readRecord, writeRecord } from '../../../build/image/record.ts';
import { StepCache } from '../../../build/step/cache.ts';
import { temporaryFolder } from '../folder.ts';
import { sampleFacts } from './facts.ts';

const facts = await sampleFacts();
const plan = planImage(facts);
const other = planImage({ ...facts, version: '0.2.0' });

/** Makes a cache with the results of these plans, and an ISO from the last one. */
async function built(...plans: (typeof plan)[]) {
  const folder = await temporaryFolder();
  const file = join(folder, 'x.iso');
  const rooms = cacheRooms(join(folder, 'cache'));
  const cache = new StepCache(rooms.steps);
  await writeFile(file, 'iso');
  for (const one of plans) {
    for (const step of listSteps(one).filter(({ name }) => name !== 'iso')) {
      await cache.run(step, async () => undefined);
    }
    await writeRecord(rooms, file, { plan: one, sha256: '' });
  }
  const explain = (now: typeof plan) =>
    explainImage({ plan: now, file }, readRecord(rooms, file), cache);
  const runs = async (now: typeof plan) =>
    (await explain(now)).filter((one) => one.runs).map(({ step }) => step);
  return { file, rooms, explain, runs };
}

test('for an image that is up to date no step runs', async () => {
  const { runs } = await built(plan);
  expect(await runs(plan)).toEqual([]);
});

test('for each step that runs, the changed inputs are named', async () => {
  const { explain, runs } = await built(plan);
  expect(await runs(other)).toEqual(['sea', 'squashfs', 'verity', 'boot-loader', 'iso']);
  const version = { input: 'version', change: 'changed', before: '0.1.0', after: '0.2.0' };
  const [sea, squashfs] = await explain(other);
  expect(sea?.changes).toEqual([version]);
  expect(squashfs?.changes).toContainEqual(version);
});

test('the result of an earlier build is still in the cache: only the ISO is written', async () => {
  const { explain, runs } = await built(plan, other);
  expect(await runs(plan)).toEqual(['iso']);
  expect((await explain(plan)).at(-1)?.lost).toBeUndefined();
});

test('an ISO that was deleted or modified is written again, and the reason is reported', async () => {
  const { file, explain, runs } = await built(plan);
  await utimes(file, 1, 1);
  expect(await runs(plan)).toEqual(['iso']);
  expect((await explain(plan)).at(-1)?.lost).toMatch(/x\.iso was changed since$/);
  await rm(file);
  expect(await runs(plan)).toEqual(['iso']);
  expect((await explain(plan)).at(-1)?.lost).toMatch(/x\.iso is no longer there$/);
});

test('a result that is no longer in the cache is made again if the ISO must be written, and the reason is reported', async () => {
  const { file, rooms, explain, runs } = await built(plan);
  await rm(join(rooms.steps, 'initramfs'), { recursive: true });
  expect(await runs(plan)).toEqual([]);
  await rm(file);
  expect(await runs(plan)).toEqual(['initramfs', 'iso']);
  expect((await explain(plan)).find(({ step }) => step === 'initramfs')?.lost).toMatch(
    /in the cache$/,
  );
});

test('for an image that was never built every step runs', async () => {
  const { runs } = await built();
  expect(await runs(plan)).toEqual([
    'sea',
    'squashfs',
    'initramfs',
    'verity',
    'boot-loader',
    'iso',
  ]);
});

test('results of other builders are reported: those in the remote cache, and those fetched earlier', async () => {
  const { file, rooms } = await built(plan);
  await rm(file);
  await rm(join(rooms.steps, 'sea'), { recursive: true });
  await rm(join(rooms.steps, 'verity'), { recursive: true });
  const source = {
    fetch: async () => ({ seconds: 1, origin: 'ci' }),
    offer: () => undefined,
    find: async ({ name }: { name: string }) => (name === 'verity' ? 'ci' : undefined),
  };
  const cache = new StepCache(rooms.steps, source);
  if (plan.sea !== undefined) await cache.run(plan.sea, async () => undefined);
  const last = readRecord(rooms, file);
  const explained = await explainImage({ plan, file }, last, cache, source);
  expect(explained.filter(({ runs }) => runs).map(({ step }) => step)).toEqual(['iso']);
  expect(explained.filter(({ origin }) => origin === 'ci')).toMatchObject([
    { step: 'sea', comes: false },
    { step: 'verity', comes: true },
  ]);
  const own = new StepCache(rooms.steps, 'forbidden');
  const alone = await explainImage({ plan, file }, last, own, 'forbidden');
  expect(alone.filter(({ runs }) => runs).map(({ step }) => step)).toEqual([
    'sea',
    'verity',
    'iso',
  ]);
});
