import { expect, test } from 'vitest';
import type { ImageFacts } from '../../../build/image/facts.ts';
import { listSteps, planImage } from '../../../build/image/plan.ts';
import { sampleFacts } from './facts.ts';

/**
 * Fields without effect on keys: sources of files, input of the resolution, or settings of another flavour or base.
 * Paths of the facts; `*` stands for any key.
 */
const SHAPES_NOTHING = [
  'lock.format',
  'lock.profile',
  'lock.base',
  'lock.architecture',
  'lock.request.*',
  'lock.repositories.*',
  'lock.packages.*.architecture',
  'lock.packages.*.repository',
  'lock.packages.*.path',
  'lock.packages.*.size',
  'lock.packages.*.source',
  'lock.packages.*.license',
  'lock.packages.3.*',
  'profile.bases.alpine.*',
  'profile.file',
  // The lock contains the result of these.
  'profile.bases.debian.suite',
  'profile.bases.debian.components.*',
  'profile.bases.debian.packages.*',
  'profile.bases.debian.kernel.*',
  'profile.bases.debian.without.*',
  // These select locked packages, and the selected packages are in the key.
  'profile.bases.debian.grub.*',
  'profile.bases.debian.signed.*',
  // An ISO is made without qemu-img.
  'toolVersions.qemu-img',
  // The facts contain the contents of overlays.
  'profile.bases.debian.overlays.*',
  'profile.overlays.*',
  // These are the drivers of the other kernel.
  'profile.kernel.drivers.full.*',
].map((path) => new RegExp(`^${path.replaceAll('.', '\\.').replaceAll('*', '.+')}$`));

interface Change {
  path: string;
  apply(): void;
  undo(): void;
}

/**
 * Yields changes of a value: of each scalar, of the first scalar in each list, and an addition to each such list.
 * `base`, which is code, and the installed packages, which have a separate test, are not changed.
 */
function* changesOf(value: unknown, path: string): Generator<Change> {
  if (typeof value !== 'object' || value === null || value instanceof Map) return;
  const holder: object = value;
  const at = (key: string) => (path === '' ? key : `${path}.${key}`);
  const set = (key: string, now: unknown): Change => {
    const before: unknown = Reflect.get(holder, key);
    return {
      path: at(key),
      apply: () => Reflect.set(holder, key, now),
      undo: () => {
        if (before === undefined) Reflect.deleteProperty(holder, key);
        else Reflect.set(holder, key, before);
      },
    };
  };
  for (const [key, one] of Object.entries(holder)) {
    if (path === '' && (key === 'base' || key === 'installed')) continue;
    if (Array.isArray(holder) && typeof one === 'string' && key !== '0') continue;
    if (typeof one === 'string') yield set(key, `${one}x`);
    else if (typeof one === 'number') yield set(key, one + 1);
    else if (one instanceof Uint8Array) yield set(key, Buffer.concat([one, Buffer.from('\n')]));
    else yield* changesOf(one, at(key));
  }
  if (Array.isArray(value) && typeof value[0] === 'string') {
    yield {
      path: at('more'),
      apply: () => value.push('more'),
      undo: () => value.pop(),
    };
  }
}

/** Returns the keys of all steps; an error of planning counts as a key, because the value was read. */
function keysOf(facts: ImageFacts): string {
  try {
    return listSteps(planImage(facts))
      .map(({ key }) => key)
      .join(' ');
  } catch (error) {
    return String(error);
  }
}

test('every input of a build is in the key of a step, or is listed as without effect', async () => {
  const facts = await sampleFacts();
  const before = keysOf(facts);
  const unread: string[] = [];
  for (const { path, apply, undo } of [...changesOf(facts, '')]) {
    apply();
    if (keysOf(facts) === before) unread.push(path);
    undo();
  }
  expect(keysOf(facts), 'all was put back').toBe(before);
  expect(unread.filter((path) => !SHAPES_NOTHING.some((one) => one.test(path)))).toEqual([]);
  expect(SHAPES_NOTHING.filter((one) => !unread.some((path) => one.test(path)))).toEqual([]);
});

test.each([
  ['tar', ['sea', 'squashfs', 'verity', 'boot-loader', 'iso']],
  ['esbuild', ['sea', 'squashfs', 'verity', 'boot-loader', 'iso']],
  ['zod', ['sea', 'squashfs', 'initramfs', 'verity', 'boot-loader', 'iso']],
  ['vitest', []],
])(
  'the installed version of %s is in the keys of the steps whose code imports it: %j',
  async (name, steps) => {
    const facts = await sampleFacts();
    const before = listSteps(planImage(facts));
    const folder = `node_modules/${name}`;
    const other = { ...facts.installed.get(folder), version: '0.0.1' };
    const after = listSteps(
      planImage({ ...facts, installed: new Map([...facts.installed, [folder, other]]) }),
    );
    const changed = after.filter(({ key }, index) => key !== before[index]?.key);
    expect(changed.map((step) => step.name).sort()).toEqual([...steps].sort());
  },
);
