import { expect, test } from 'vitest';
import { keepModules } from '../../../build/kmod/keep-modules.ts';
import { treeOf } from '../tree/trees.ts';
import { kernelModule, kernelText, RELEASE } from './modules.ts';

const at = (path: string) => `lib/modules/${RELEASE}/kernel/${path}`;

/** A kernel with sound modules, one of which a graphics driver needs, and with paths of the same name elsewhere. */
const tree = () =>
  treeOf(
    kernelModule('kernel/sound/core/snd.ko', 'depends=soundcore'),
    kernelModule('kernel/sound/soundcore.ko', 'depends='),
    kernelModule('kernel/sound/hda/snd-hda-core.ko.zst', 'depends=snd'),
    kernelModule('kernel/drivers/gpu/drm/amd/amdgpu.ko', 'depends=snd-hda-core'),
    kernelModule('kernel/drivers/gpu/drm/qxl/qxl.ko', 'depends='),
    kernelModule('kernel/drivers/soundwire/soundwire.ko', 'depends='),
    kernelText('modules.builtin', 'kernel/fs/ext4/ext4.ko'),
    kernelText('modules.order', 'kernel/sound/soundcore.ko', 'kernel/sound/core/snd.ko'),
  );

function left(drop: string[], keep: string[] = []) {
  const kernel = tree();
  const index = keepModules(kernel, RELEASE, { drop, keep });
  const files = kernel.entries().flatMap(({ path }) => /\/([^/]*)\.ko/.exec(path)?.[1] ?? []);
  expect(
    [...index.modules.values()].map(({ path }) => kernel.file(`lib/modules/${RELEASE}/${path}`)),
  ).not.toContain(undefined);
  expect(files).toHaveLength(index.modules.size);
  return { kernel, files: files.sort() };
}

const ALL = ['amdgpu', 'qxl', 'snd', 'snd-hda-core', 'soundcore', 'soundwire'];

test('without a list everything stays', () => {
  expect(left([]).files).toEqual(ALL);
});

test('dropped modules are removed with their directories, and a dropped path does not match longer names that begin with it', () => {
  const { kernel, files } = left(['sound', 'drivers/gpu/drm/amd']);
  expect(files).toEqual(['qxl', 'soundwire']);
  expect(kernel.at(at('sound'))).toBeUndefined();
  expect(kernel.at(at('drivers/gpu/drm/amd'))).toBeUndefined();
  expect(kernel.at(at('drivers/gpu/drm/qxl'))).toBeDefined();
  expect(kernel.text(`lib/modules/${RELEASE}/modules.builtin`)).toContain('ext4');
});

test('all dependencies of a kept module are kept too', () => {
  expect(left(['sound']).files).toEqual(ALL);
});

test('a single module, packed or not, and several by a pattern, can be dropped', () => {
  expect(left(['sound/hda/snd-hda-core', 'drivers/gpu/drm/a*', 'sound/core/snd']).files).toEqual([
    'qxl',
    'soundcore',
    'soundwire',
  ]);
});

test('a required driver stays, wherever it is', () => {
  expect(left(['drivers', 'sound'], ['qxl']).files).toEqual(['qxl']);
  expect(left(['sound', 'drivers'], ['snd_hda_core']).files).toEqual([
    'snd',
    'snd-hda-core',
    'soundcore',
  ]);
});
