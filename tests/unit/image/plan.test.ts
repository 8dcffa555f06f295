import { afterAll, expect, test } from 'vitest';
import { ARCHITECTURES } from '../../../build/architecture.ts';
import type { ImageFacts } from '../../../build/image/facts.ts';
import { listSteps, makeImageName, planImage } from '../../../build/image/plan.ts';
import { chooseSmallest } from '../../../build/image/squashfs.ts';
import { findSettings } from '../../../build/profile/profile.ts';
import { shippedProfile } from '../profile/profiles.ts';
import { newPair } from '../release/releases.ts';
import { newOwner } from '../secure-boot/owners.ts';
import { overlayOf, sampleFacts } from './facts.ts';

const { owner } = await newOwner(afterAll);
const facts = await sampleFacts();
const plan = planImage(facts);

/** Returns the steps whose keys differ after a change of the facts. */
async function stepsThatRead(change: (facts: ImageFacts) => void): Promise<string[]> {
  const fresh = await sampleFacts();
  change(fresh);
  const changed = planImage(fresh);
  const before = new Set(listSteps(plan).map(keyOf));
  return listSteps(changed)
    .filter((step) => !before.has(step.key))
    .map(nameOf);
}
const keyOf = ({ key }: { key: string }) => key;
const nameOf = ({ name }: { name: string }) => name;

/** Steps that run after the root filesystem or the initramfs changed: GRUB contains the build id of both. */
const SQUASHFS = ['squashfs', 'verity', 'boot-loader', 'iso'];
const SEA = ['sea', ...SQUASHFS];
const INITRAMFS = ['initramfs', 'verity', 'boot-loader', 'iso'];
const BOTH = ['squashfs', 'initramfs', 'verity', 'boot-loader', 'iso'];

test('the same inputs give the same plan', async () => {
  expect(listSteps(planImage(await sampleFacts())).map(keyOf)).toEqual(listSteps(plan).map(keyOf));
  expect(plan.buildId).toMatch(/^[0-9a-f]{16}$/);
});

/** Sets fields of an object. */
const set = Object.assign;
const initramfs = (init: string, applets: string) => overlayOf('initramfs', { init, applets });

test.each<[string, string[], (facts: ImageFacts) => unknown]>([
  ['the name', SQUASHFS, ({ profile }) => set(profile, { name: 'lab' })],
  ['the title', SQUASHFS, ({ profile }) => set(profile, { title: 'Lab' })],
  ['the volume id', ['iso'], ({ profile }) => set(profile, { volumeId: 'LAB' })],
  ['the prefix of labels', BOTH, ({ profile }) => set(profile, { labelPrefix: 'LAB' })],
  ['the namespace', BOTH, ({ profile }) => set(profile, { namespace: 'lab' })],
  ['the prefix of programs', BOTH, ({ profile }) => set(profile, { programPrefix: 'lab' })],
  ['the name of the executable', SEA, ({ programs }) => set(programs!, { name: 'lab' })],
  ['the host name', SQUASHFS, ({ profile }) => set(profile, { hostname: 'lab' })],
  ['the kernel’s parameters', ['iso'], ({ profile }) => profile.cmdline.push('quiet')],
  ['groups', SQUASHFS, ({ profile }) => set(profile.accounts.groups, { wheel: 10 })],
  ['services', SQUASHFS, ({ profile }) => profile.runlevels.default.push('nginx')],
  ['the trusted release keys', SQUASHFS, (all) => set(all, { releaseKeys: [newPair().trusted] })],
  ['set-uid files', SQUASHFS, ({ profile }) => set(profile.setuid, { '/x': 'needs to be' })],
  ['programs', SQUASHFS, ({ profile }) => profile.programs.push('qx-more')],
  ['the programs’ Node', SEA, ({ programs }) => set(programs!.runtime, { version: '27.0.0' })],
  [
    'esbuild',
    SEA,
    ({ installed }) => set(installed.get('node_modules/esbuild')!, { version: '9' }),
  ],
  [
    'other npm packages',
    [],
    ({ installed }) => set(installed.get('node_modules/yargs')!, { version: '9' }),
  ],
  [
    'the address of another Node',
    [],
    ({ profile }) => set(findSettings(profile, 'debian'), { node: { url: 'http://x' } }),
  ],
  ['strip', SEA, ({ toolVersions }) => set(toolVersions, { strip: '9' })],
  [
    'dropped paths',
    SQUASHFS,
    ({ profile }) => set(findSettings(profile, 'debian').drop, { '/x': 'no use' }),
  ],
  ['links', SQUASHFS, ({ profile }) => set(findSettings(profile, 'debian').links, { '/x': 'y' })],
  [
    'accepted findings',
    SQUASHFS,
    ({ profile }) => set(findSettings(profile, 'debian').accept, { '/x': 'is right' }),
  ],
  ['modules of all kernels', INITRAMFS, ({ profile }) => profile.initramfs.modules.push('x')],
  [
    'drivers of the medium',
    BOTH,
    ({ profile }) => profile.kernel.drivers.virt.QEMU?.medium.push('x'),
  ],
  [
    'drivers of the system',
    SQUASHFS,
    ({ profile }) => profile.kernel.drivers.virt.QEMU?.system.push('x'),
  ],
  [
    'drivers of the other kernel',
    [],
    ({ profile }) => profile.kernel.drivers.full.QEMU?.medium.pop(),
  ],
  [
    'dropped modules of the kernel',
    SQUASHFS,
    ({ profile }) => set(profile.kernel.drop, { 'drivers/x': 'no machine has it' }),
  ],
  [
    'requested packages',
    [],
    ({ profile }) => findSettings(profile, 'debian').packages.push('nginx'),
  ],
  ['a package', SQUASHFS, ({ lock }) => set(lock.packages[0]!, { sha256: 'e'.repeat(64) })],
  ['busybox', BOTH, ({ lock }) => set(lock.packages[1]!, { sha256: 'e'.repeat(64) })],
  ['the kernel', BOTH, ({ lock }) => set(lock.packages[2]!, { version: '2' })],
  ['the other kernel', [], ({ lock }) => set(lock.packages[3]!, { version: '2' })],
  ['the path of a package', [], ({ lock }) => set(lock.packages[0]!, { path: 'pool/x.deb' })],
  ['the time stamp', BOTH, ({ lock }) => set(lock, { sourceDateEpoch: 1 })],
  ['the state of repositories', [], ({ lock }) => set(lock, { repositories: {} })],
  ['the flavour', BOTH, (facts) => set(facts, { flavour: 'full' })],
  ['the version', SEA, (facts) => set(facts, { version: '0.2.0' })],
  [
    'the compression',
    SQUASHFS,
    (facts) => set(facts, { compression: chooseSmallest(ARCHITECTURES.x86_64) }),
  ],
  ['an overlay', SQUASHFS, (facts) => set(facts, { overlays: [overlayOf('common', { a: 'b' })] })],
  [
    'names of overlays',
    SQUASHFS,
    (facts) => set(facts, { overlays: [{ ...facts.overlays[0], name: 'x' }] }),
  ],
  ['init', INITRAMFS, (facts) => set(facts, { initramfsOverlay: initramfs('x', 'sh\nmount\n') })],
  [
    'the applets of init',
    BOTH,
    (facts) => set(facts, { initramfsOverlay: initramfs('#!/bin/sh', 'sh\n') }),
  ],
  ['mksquashfs', SQUASHFS, ({ toolVersions }) => set(toolVersions, { mksquashfs: '9' })],
  [
    'GRUB',
    ['boot-loader', 'iso'],
    ({ toolVersions }) => set(toolVersions, { 'grub-mkimage': '9' }),
  ],
  ['mtools', ['boot-loader', 'iso'], ({ toolVersions }) => set(toolVersions, { mformat: '9' })],
  ['the owner’s key', ['boot-loader', 'iso'], (all) => set(all, { owner })],
  ['xorriso', ['iso'], ({ toolVersions }) => set(toolVersions, { xorriso: '9' })],
])('a change of %s changes the steps %j', async (_, steps, change) => {
  expect(await stepsThatRead(change)).toEqual(steps);
});

test('the steps of an image without an owner have no input for a key', async () => {
  const without = planImage({ ...(await sampleFacts()), owner: undefined });
  expect(listSteps(without).map(keyOf)).toEqual(listSteps(plan).map(keyOf));
  for (const { inputs } of listSteps(plan)) expect(Object.keys(inputs)).not.toContain('owner');
});

test('an image without programs has no step that makes them', async () => {
  const without = planImage({ ...(await sampleFacts()), programs: undefined });
  expect(listSteps(without).map(nameOf)).toEqual([
    'squashfs',
    'initramfs',
    'verity',
    'boot-loader',
    'iso',
  ]);
});

test('the name of an image has product, version, base, CPU, kernel flavour, a mark for a development build, and format', async () => {
  expect(makeImageName(facts)).toBe('qvdc-0.1.0-debian-x86_64-virt-dev.iso');
  const added = { packages: ['htop'], cmdline: [] };
  expect(makeImageName({ ...facts, profile: { ...facts.profile, added } })).toBe(
    'qvdc-0.1.0-debian-x86_64-virt-dev-added.iso',
  );
  const release = { ...facts, flavour: 'full', release: true } as const;
  expect(makeImageName(release)).toBe('qvdc-0.1.0-debian-x86_64.iso');
  expect(makeImageName({ ...facts, owner })).toBe(
    'qvdc-0.1.0-debian-x86_64-virt-secureboot-dev.iso',
  );
  expect(makeImageName({ ...release, format: 'qcow2' })).toBe('qvdc-0.1.0-debian-x86_64.qcow2');
  const profile = await shippedProfile('qvdc', 'arm64');
  expect(makeImageName({ ...release, profile })).toBe('qvdc-0.1.0-debian-arm64.iso');
});
