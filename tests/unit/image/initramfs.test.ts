import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { ARCHITECTURES } from '../../../build/architecture.ts';
import {
  buildInitramfsTree,
  INITRAMFS_FILE,
  KERNEL_FILE,
  planInitramfs,
  readUsedApplets,
} from '../../../build/image/initramfs.ts';
import { makeAuditOptions, readRootfs } from '../../../build/image/rootfs.ts';
import type { Flavour } from '../../../build/profile/profile.ts';
import { readCpio } from '../../../build/readback/cpio.ts';
import { sha256 } from '../../../build/step/digest.ts';
import { ContentReader } from '../../../build/tree/content.ts';
import type { Entry } from '../../../build/tree/entry.ts';
import { temporaryFolder } from '../folder.ts';
import { kernelModule, kernelText, RELEASE } from '../kmod/modules.ts';
import { locked } from '../lock/locks.ts';
import { file, program, symlink, treeOf } from '../tree/trees.ts';
import { overlayOf, sampleFacts } from './facts.ts';

const PACKAGES = [
  kernelModule('kernel/fs/isofs.ko', 'name=isofs', 'license=GPL', 'depends=cdrom'),
  kernelModule('kernel/drivers/cdrom.ko', 'name=cdrom', 'license=GPL', 'depends='),
  kernelModule('kernel/net/dummy.ko', 'name=dummy', 'license=GPL', 'depends='),
  kernelText('modules.builtin', 'kernel/fs/ext4/ext4.ko'),
  kernelText('modules.order'),
  program('bin/busybox', 'ELF'),
];

/** The initramfs of these packages. */
function initramfs(packages: readonly Entry[], modules = ['ext4'], drivers = ['isofs']) {
  const { entries: overlay } = overlayOf('initramfs', {
    init: '#!/bin/sh\n',
    applets: 'sh\nmount\n',
  });
  const busybox = ['bin/busybox', 'bin/busybox.static'];
  const named = { product: 'HELLO', namespace: 'hello', programPrefix: 'hi' };
  const fits = { flavour: 'virt', memory: 512, busybox } as const;
  const reader = new ContentReader();
  const request = { overlay, modules, drivers, ...named, ...fits, reader };
  return buildInitramfsTree(treeOf(...packages), request);
}

test('the initramfs has busybox, its applets, init and the needed modules, and nothing else', () => {
  const tree = initramfs(PACKAGES);
  expect(tree.names('bin')).toEqual(['busybox', 'mount', 'sh']);
  expect(tree.lookup('bin/mount')?.path).toBe('bin/busybox');
  expect(tree.at('init')).toMatchObject({ type: 'file' });
  expect(tree.at('applets')).toBeUndefined();
  const modules = tree.entries().filter(({ path }) => path.endsWith('.ko'));
  expect(modules.map(({ path }) => path)).toEqual([
    `lib/modules/${RELEASE}/kernel/drivers/cdrom.ko`,
    `lib/modules/${RELEASE}/kernel/fs/isofs.ko`,
  ]);
  expect(tree.text(`lib/modules/${RELEASE}/modules.dep`)).toContain(
    'kernel/fs/isofs.ko: kernel/drivers/cdrom.ko',
  );
});

test('the initramfs has a console device and the settings of init', () => {
  const tree = initramfs(PACKAGES);
  expect(tree.at('dev/console')).toMatchObject({ type: 'character', major: 5, minor: 1 });
  expect(tree.text('etc/initramfs')).toBe(
    'PRODUCT=HELLO\nNAMESPACE=hello\nPROGRAM_PREFIX=hi\nFLAVOUR=virt\nMEMORY=512\nMODULES="ext4"\n',
  );
});

test('init loads the soft dependencies of a module before it', () => {
  const tree = initramfs(
    [
      ...PACKAGES,
      kernelModule('kernel/fs/xfs.ko', 'name=xfs', 'depends=', 'softdep=pre: crypto-crc32c'),
      kernelModule('kernel/crypto/crc32c_a.ko', 'name=crc32c_a', 'alias=crypto-crc32c', 'depends='),
      kernelModule('kernel/crypto/crc32c_b.ko', 'name=crc32c_b', 'alias=crypto-crc32c', 'depends='),
    ],
    ['xfs', 'ext4'],
  );
  expect(tree.text('etc/initramfs')).toContain('MODULES="crc32c_a crc32c_b xfs ext4"\n');
});

test('busybox may be called busybox.static, or be a link to it', () => {
  const rest = PACKAGES.slice(0, -1);
  for (const busybox of [
    [program('bin/busybox.static', 'ELF')],
    [program('bin/bb', 'ELF'), symlink('bin/busybox', 'bb')],
  ]) {
    expect(initramfs([...rest, ...busybox]).file('bin/busybox')).toMatchObject({ size: 3 });
  }
  expect(() => initramfs(rest)).toThrow('no package of the initramfs has /bin/busybox');
});

test('a module that the kernel does not have is refused by name', () => {
  expect(() => initramfs(PACKAGES, ['isofs', 'isofz'])).toThrow('isofz');
  expect(() => initramfs(PACKAGES, [], ['isofz'])).toThrow('isofz');
});

/** Runs the step on packages: name → their contents, and the only flavour that has them. @returns paths of the initramfs */
async function makeStep(
  packages: Record<string, { flavour?: Flavour; entries: Entry[] }>,
  started = program('init', '#!/bin/busybox sh\n'),
): Promise<string[]> {
  const facts = await sampleFacts();
  const { profile, lock } = facts;
  profile.initramfs = { modules: ['isofs'] };
  profile.kernel.drivers.virt = { CDs: { medium: ['cdrom'], system: [] } };
  const init = overlayOf('initramfs', { applets: 'sh\nmount\n' });
  init.entries.push(started);
  const named = Object.entries(packages).map(([name, { flavour }]) =>
    locked(name, { flavour, sha256: sha256(name) }),
  );
  const step = planInitramfs({
    ...facts,
    profile,
    lock: { ...lock, packages: named },
    initramfsOverlay: init,
  });
  const directory = await temporaryFolder();
  await step.make(directory, {
    made: () => directory,
    hashes: () => ({}),
    checked: async () => undefined,
    opened: (all) =>
      all.map((one) => ({ locked: one, entries: packages[one.name]?.entries ?? [] })),
  });
  const archive = zstdDecompressSync(await readFile(join(directory, INITRAMFS_FILE)));
  expect(await readFile(join(directory, KERNEL_FILE), 'utf8')).toBe('the kernel');
  return readCpio(archive, 'x').map(({ path }) => path);
}

test('the initramfs has the kernel and its modules, whether one flavour has this kernel or both', async () => {
  const kernel = [...PACKAGES.slice(0, -1), file('boot/vmlinuz-1', 'the kernel')];
  const others = {
    'busybox-static': { entries: [program('bin/busybox', await readFile('/bin/busybox'))] },
    bash: { entries: [file('etc/x', 'one')] },
    'bash-more': { entries: [file('etc/x', 'other, which replaces it')] },
  };
  const own = await makeStep({ ...others, linux: { flavour: 'virt', entries: kernel } });
  expect(own).toContain(`lib/modules/${RELEASE}/kernel/fs/isofs.ko`);
  expect(own).not.toContain('etc/x');
  expect(await makeStep({ ...others, linux: { entries: kernel } })).toEqual(own);
});

test('an initramfs whose init cannot be started is refused', async () => {
  const packages = {
    linux: { entries: [...PACKAGES.slice(0, -1), file('boot/vmlinuz-1', 'the kernel')] },
    'busybox-static': { entries: [program('bin/busybox', await readFile('/bin/busybox'))] },
  };
  await expect(makeStep(packages, file('init', '#!/bin/busybox sh\n'))).rejects.toThrow(
    'the initramfs has one thing that cannot work. Fix in the profile or an overlay:\n  init: /init is not executable.',
  );
});

test('the audit of a root filesystem looks for the init of its architecture', async () => {
  const inputs = readRootfs({ ...(await sampleFacts()), sea: undefined });
  expect(makeAuditOptions(inputs)).toMatchObject({
    init: { path: 'sbin/init', machine: ARCHITECTURES.x86_64.elf },
  });
});

test('packages without a kernel are refused', () => {
  expect(() => initramfs(PACKAGES.slice(-1))).toThrow('the tree has no kernel modules');
});

test('a missing list of applets is an error', () => {
  expect(readUsedApplets(overlayOf('x', { applets: 'sh\n\nmount' }).entries)).toEqual([
    'sh',
    'mount',
  ]);
  expect(() => readUsedApplets(overlayOf('x', { init: '' }).entries)).toThrow(
    'the list of applets is missing',
  );
});
