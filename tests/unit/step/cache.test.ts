import { existsSync } from 'node:fs';
import {
  chmod,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { holdWhileWriting } from '../../../build/process/file-lock.ts';
import { StepCache } from '../../../build/step/cache.ts';
import { planStep } from '../../../build/step/step.ts';
import { temporaryFolder } from '../folder.ts';

const step = planStep('squashfs', { epoch: 1 });

/** An empty cache, and a maker that counts how often it is called. */
async function workshop() {
  const folder = await temporaryFolder();
  const counted = { times: 0 };
  const make = async (directory: string) => {
    counted.times += 1;
    await writeFile(join(directory, 'image'), `made ${counted.times}`);
    await writeFile(join(directory, 'notes'), '');
  };
  return { folder, cache: new StepCache(folder), counted, make };
}

/** Writes to a read-only file of the cache. */
async function tamper(file: string, text: string): Promise<void> {
  await chmod(file, 0o644);
  await writeFile(file, text);
}

const read = (directory: string) => readFile(join(directory, 'image'), 'utf8');

test('a step runs once, and is then found with its files and duration', async () => {
  const { folder, cache, counted, make } = await workshop();
  expect(await cache.find(step)).toBeUndefined();
  const made = await cache.run(step, make);
  expect(made.cached).toBe(false);
  const found = await new StepCache(folder).run(step, make);
  expect(found).toMatchObject({ directory: made.directory, seconds: made.seconds, cached: true });
  expect(await read(found.directory)).toBe('made 1');
  expect(counted.times).toBe(1);
});

test('other inputs have another result', async () => {
  const { cache, counted, make } = await workshop();
  const one = await cache.run(step, make);
  const other = await cache.run(planStep('squashfs', { epoch: 2 }), make);
  expect(other.directory).not.toBe(one.directory);
  expect(counted.times).toBe(2);
});

test('a failed step leaves nothing, and the next attempt starts afresh', async () => {
  const { folder, cache, make } = await workshop();
  const failing = cache.run(step, async (directory) => {
    await writeFile(join(directory, 'half'), 'x');
    throw new Error('disk full');
  });
  await expect(failing).rejects.toThrow('disk full');
  expect(await readdir(join(folder, 'squashfs'))).toEqual([]);
  expect(await cache.find(step)).toBeUndefined();
  const { directory } = await cache.run(step, make);
  expect((await readdir(directory)).sort()).toEqual(['image', 'notes', 'step.json']);
});

test('a failed step with a part that still writes leaves nothing either', async () => {
  const { folder, cache } = await workshop();
  const writing = Promise.withResolvers<void>();
  const failing = cache.run(step, async (directory) => {
    const write = async () => {
      for (let file = 0; file < 2000; file += 1) await writeFile(join(directory, `${file}`), 'x');
    };
    const half = write().catch(() => undefined);
    void half.then(writing.resolve);
    await writeFile(join(directory, 'half'), 'x');
    throw new Error('disk full');
  });
  await expect(failing).rejects.toThrow('disk full');
  await writing.promise;
  expect(await readdir(join(folder, 'squashfs'))).toEqual([]);
});

test('a result is not found before its step has ended', async () => {
  const { cache, make } = await workshop();
  await cache.run(step, async (directory) => {
    await make(directory);
    expect(await cache.find(step)).toBeUndefined();
  });
  expect(await cache.find(step)).toBeDefined();
});

test.each<[string, (directory: string) => Promise<void>]>([
  ['output is lost', (directory) => rm(join(directory, 'image'))],
  ['empty output is lost', (directory) => rm(join(directory, 'notes'))],
  ['output is truncated', (directory) => tamper(join(directory, 'image'), 'mad')],
  [
    'output has other bytes of the same number',
    (directory) => tamper(join(directory, 'image'), 'made 9'),
  ],
  ['record is lost', (directory) => rm(join(directory, 'step.json'))],
  ['record is cut', (directory) => truncate(join(directory, 'step.json'), 20)],
  ['record is empty', (directory) => truncate(join(directory, 'step.json'), 0)],
  ['record is of something else', (directory) => writeFile(join(directory, 'step.json'), '[]')],
  [
    'record is of another step',
    (directory) =>
      writeFile(join(directory, 'step.json'), '{"key": "0", "seconds": 1, "outputs": {}}'),
  ],
])('a result whose %s is made again', async (_, damage) => {
  const { folder, cache, make } = await workshop();
  const { directory } = await cache.run(step, make);
  await damage(directory);
  expect(await cache.find(step)).toBeUndefined();
  const again = await cache.run(step, make);
  expect(again).toMatchObject({ directory, cached: false });
  expect(await read(directory)).toBe('made 2');
  expect(await readdir(join(folder, 'squashfs'))).toHaveLength(1);
});

test('of two simultaneous runs of a step both succeed, and the first result stays', async () => {
  const { folder, cache, make } = await workshop();
  const gate = Promise.withResolvers<void>();
  const late = cache.run(step, async (directory) => {
    await gate.promise;
    await make(directory);
  });
  const early = await cache.run(step, make);
  gate.resolve();
  const { directory } = await late;
  expect(directory).toBe(early.directory);
  expect(await read(directory)).toBe('made 1');
  expect(await readdir(join(folder, 'squashfs'))).toHaveLength(1);
});

test('leftovers of a killed step are removed, and those of a running one are not', async () => {
  const { folder, cache, make } = await workshop();
  const used = await cache.run(step, make);
  const left = join(folder, 'squashfs', '.making-left');
  const fresh = join(folder, 'squashfs', '.making-fresh');
  const others = join(folder, 'squashfs', '.making-others');
  for (const path of [left, fresh, others]) await mkdir(path);
  const before = new Date(Date.now() - 600_000);
  for (const path of [left, others]) await utimes(path, before, before);
  await using _writer = await holdWhileWriting(others);
  await cache.sweep();
  expect([used.directory, left, fresh, others].map(existsSync)).toEqual([true, false, true, true]);
});

test('verifying reads all results, and removes one that was damaged', async () => {
  const { cache, make } = await workshop();
  const [whole, damaged] = [
    await cache.run(step, make),
    await cache.run(planStep('squashfs', { epoch: 2 }), make),
  ];
  const file = join(damaged.directory, 'image');
  const { atime, mtime } = await stat(file);
  await tamper(file, 'made 9');
  await utimes(file, atime, mtime);
  expect(await cache.verify()).toEqual({ checked: 2, damaged: [damaged.directory] });
  expect([whole.directory, damaged.directory].map(existsSync)).toEqual([true, false]);
});

test('an unused cache has nothing to remove', async () => {
  await new StepCache(join(await temporaryFolder(), 'nowhere')).sweep();
});

test('a result is checked once, in parallel with the next steps', async () => {
  const { folder, cache, make } = await workshop();
  const checks: string[] = [];
  const check = async (directory: string) => void checks.push(await read(directory));
  const { checked } = await cache.run(step, make, check);
  await checked;
  await (await new StepCache(folder).run(step, make, check)).checked;
  expect(checks).toEqual(['made 1']);
});

test('a result whose check was interrupted is checked by the next build', async () => {
  const { folder, cache, counted, make } = await workshop();
  await cache.run(step, make, () => new Promise<void>(() => undefined));
  let checks = 0;
  const again = await new StepCache(folder).run(step, make, async () => {
    checks += 1;
  });
  await again.checked;
  expect([counted.times, checks]).toEqual([1, 1]);
});

test('a result that fails its check is made again by the next build', async () => {
  const { folder, cache, counted, make } = await workshop();
  const failing = await cache.run(step, make, async () => {
    throw new Error('it is not as it was meant');
  });
  await expect(failing.checked).rejects.toThrow('it is not as it was meant');
  expect(await new StepCache(folder).find(step)).toBeUndefined();
  const again = await new StepCache(folder).run(step, make, async () => undefined);
  await again.checked;
  expect(counted.times).toBe(2);
});
