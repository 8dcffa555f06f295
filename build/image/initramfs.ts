import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { ARCHITECTURES } from '../architecture.ts';
import { assertStarts } from '../audit/audit.ts';
import { BASES } from '../bases.ts';
import { BuildError } from '../error.ts';
import { makeModuleIndex } from '../kmod/index-files.ts';
import { findClosure, indexModules, MODULE_FILE, moduleName } from '../kmod/index-modules.ts';
import type { ModuleIndex } from '../kmod/module-index.ts';
import { findKernelRelease } from '../kmod/release.ts';
import { type Flavour, findSettings, listDrivers } from '../profile/profile.ts';
import { compareCpio } from '../readback/cpio.ts';
import { assertNone } from '../readback/verdict.ts';
import { defineStep } from '../step/step.ts';
import { ContentReader } from '../tree/content.ts';
import type { Entry } from '../tree/entry.ts';
import { listOverlayEntries } from '../tree/overlay.ts';
import { nameOf } from '../tree/path.ts';
import { Tree } from '../tree/tree.ts';
import { makeCpioArchive } from './cpio.ts';
import { type ImageFacts, type ImageWork, listPackages, selectPackageContents } from './facts.ts';

/** Output files of the step. */
export const INITRAMFS_FILE = 'initramfs';
export const KERNEL_FILE = 'vmlinuz';

/** zstd(1) level: this one takes half a second for 15 MB; higher levels take seconds and save a few per cent. */
const LEVEL = 9;

/**
 * Step that takes the kernel from its packages and makes the initramfs.
 * Throws a BuildError if the packages lack the kernel, a static busybox, or one of the modules and drivers.
 */
export const planInitramfs = defineStep({
  name: 'initramfs',
  module: import.meta.filename,
  read: readInitramfs,
  make: makeInitramfs,
});

type InitramfsInputs = ReturnType<typeof readInitramfs>;

function readInitramfs({ profile, lock, base, flavour, initramfsOverlay }: ImageFacts) {
  const { busybox } = findSettings(profile, base.name);
  const all = listPackages(lock, flavour);
  const own = all.filter((one) => one.flavour === flavour);
  return {
    skeleton: base.skeleton(),
    /** The kernel is among the flavour's own packages or, if the flavours share a kernel, among the common ones. */
    kernel: selectPackageContents(own.length > 0 ? own : all),
    shell: selectPackageContents(all.filter((one) => one.name === busybox)),
    busybox: [...BASES[base.name].busybox],
    overlay: listOverlayEntries([initramfsOverlay]),
    modules: profile.initramfs.modules,
    /** Kind of machine → drivers for finding the medium. */
    drivers: listDrivers(profile.kernel.drivers[flavour], ({ medium }) => medium),
    flavour,
    machine: ARCHITECTURES[profile.architecture].elf,
    product: profile.labelPrefix,
    namespace: profile.namespace,
    programPrefix: profile.programPrefix,
    memory: profile.memory,
    epoch: lock.sourceDateEpoch,
  };
}

async function makeInitramfs(
  directory: string,
  inputs: InitramfsInputs,
  { opened, signal }: ImageWork,
): Promise<void> {
  const { skeleton, kernel, shell, overlay, drivers, epoch } = inputs;
  using reader = new ContentReader();
  const source = new Tree(reader);
  const shipped = [
    ...opened(Object.values(kernel)).flatMap(({ entries }) => entries.filter(isOfKernel)),
    ...opened(Object.values(shell)).flatMap(({ entries }) => entries),
  ];
  for (const entry of [...skeleton, ...shipped]) source.add(entry);
  const tree = buildInitramfsTree(source, {
    ...inputs,
    overlay: Object.values(overlay),
    drivers: Object.values(drivers).flat(),
    reader,
  });
  const init = { path: 'init', machine: inputs.machine };
  const applets = readUsedApplets(Object.values(overlay));
  assertStarts(tree, { init, applets, drivers });
  // Handle Ctrl-C now: building a tree blocks the event loop.
  await nextTurn(undefined, { signal });
  const compressed = await promisify(zstdCompress)(makeCpioArchive(tree, epoch), {
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 },
  });
  const file = join(directory, INITRAMFS_FILE);
  await writeFile(file, compressed);
  await verifyInitramfs(file, tree, epoch);
  await writeFile(join(directory, KERNEL_FILE), kernelOf(source));
}

/** Whether the step needs an entry of the kernel packages: the kernel itself or a module. */
function isOfKernel({ path }: Entry): boolean {
  return /^(?:boot|(?:usr\/)?lib\/modules)(?:\/|$)/.test(path);
}

/** Unpacks the initramfs as the kernel does, and compares it with its tree. */
async function verifyInitramfs(file: string, tree: Tree, epoch: number): Promise<void> {
  const archive = await promisify(zstdDecompress)(await readFile(file));
  const problems = compareCpio(archive, tree, { epoch, where: file });
  assertNone(problems, { what: 'the initramfs', where: file });
}

function kernelOf(tree: Tree): Buffer {
  const [kernel, ...others] = tree
    .names('boot')
    .filter((name) => /^vmlinuz(?:-|$)/.test(name))
    .flatMap((name) => tree.file(`boot/${name}`) ?? []);
  if (kernel !== undefined && others.length === 0) return tree.bytes(kernel);
  throw new BuildError({
    what: 'the kernel package does not have exactly one /boot/vmlinuz*',
    fix: 'Check bases.*.kernel of the profile.',
  });
}

/** Input of `buildInitramfsTree` besides packages. */
export interface InitramfsRequest {
  /** The file `init`, and the file `applets`, which lists the busybox applets that `init` uses, one per line. */
  overlay: readonly Entry[];
  /** Tree paths at which the packages may have busybox. */
  busybox: readonly string[];
  /** Names of kernel modules that `init` always loads, in this order. */
  modules: readonly string[];
  /** Names of kernel modules that `init` loads if there is a device for them. */
  drivers: readonly string[];
  flavour: Flavour;
  /** Prefix of the appliance's partition labels. */
  product: string;
  /** The keys `namespace` and `programPrefix` of the profile. */
  namespace: string;
  programPrefix: string;
  /** MiB of memory that a machine needs. */
  memory: number;
  reader: ContentReader;
}

/** Mount points of `init`, and directories that it writes to. */
const DIRECTORIES = ['bin', 'dev', 'etc', 'proc', 'run', 'sys', 'tmp'];

/**
 * Builds the tree of the initramfs: busybox, `init`, and the kernel modules needed to find and mount the medium, with
 * their dependencies.
 * @param source tree of the kernel's and busybox's packages
 * @throws BuildError if a module is unknown, or busybox is missing
 */
export function buildInitramfsTree(source: Tree, request: InitramfsRequest): Tree {
  const { overlay, modules, drivers, reader } = request;
  const tree = new Tree(reader);
  for (const path of DIRECTORIES) tree.add({ ...owned(path), type: 'directory', mode: 0o755 });
  tree.add({ ...owned('dev/console'), type: 'character', mode: 0o600, major: 5, minor: 1 });
  tree.add(busyboxOf(source, request.busybox));
  for (const entry of overlay) {
    if (entry.path !== 'applets') tree.add(entry);
  }
  for (const link of appletLinks(readUsedApplets(overlay))) tree.add(link);
  const release = findKernelRelease(source);
  const index = indexModules(source, release);
  const wanted = findClosure(index, [...modules, ...drivers]);
  for (const path of wanted) tree.add(moduleEntry(source, `lib/modules/${release}/${path}`));
  for (const entry of makeModuleIndex(index.only(wanted))) tree.add(entry);
  const settings = Buffer.from(formatSettings(request, listInOrder(index, modules)));
  tree.add({
    ...owned('etc/initramfs'),
    type: 'file',
    mode: 0o644,
    size: settings.length,
    content: { in: 'memory', bytes: settings },
  });
  return tree;
}

/** Formats the settings that `init` reads: a shell script of assignments. */
function formatSettings(request: InitramfsRequest, modules: readonly string[]): string {
  const { product, namespace, programPrefix, flavour, memory } = request;
  return [
    `PRODUCT=${product}`,
    `NAMESPACE=${namespace}`,
    `PROGRAM_PREFIX=${programPrefix}`,
    `FLAVOUR=${flavour}`,
    `MEMORY=${memory}`,
    `MODULES="${modules.join(' ')}"`,
    '',
  ].join('\n');
}

/**
 * Lists modules in loading order, including their soft dependencies, which busybox's modprobe does not load. Without
 * crc32c, for example, ext4 cannot be mounted.
 */
function listInOrder(index: ModuleIndex, names: readonly string[]): string[] {
  const loaded = findClosure(index, names).map((path) =>
    moduleName(nameOf(path).replace(MODULE_FILE, '')),
  );
  // `names` are added because drivers that are built into this kernel have no module.
  return [...new Set([...loaded, ...names])];
}

function busyboxOf(source: Tree, places: readonly string[]): Entry {
  const [busybox] = places.flatMap((path) => source.file(path) ?? []);
  if (busybox !== undefined) return { ...busybox, path: 'bin/busybox' };
  throw new BuildError({
    what: 'no package of the initramfs has /bin/busybox',
    fix: 'Check bases.*.busybox of the profile.',
  });
}

/**
 * Lists the busybox applets that the initramfs uses: the lines of `applets` in its overlay.
 * @throws BuildError if the overlay has no such file
 */
export function readUsedApplets(overlay: readonly Entry[]): string[] {
  const list = overlay.find(({ path }) => path === 'applets');
  if (list?.type !== 'file' || list.content.in !== 'memory') {
    throw new BuildError({
      what: 'the list of applets is missing',
      where: 'overlay/initramfs/applets',
      fix: 'Name each busybox applet that init calls, one a line.',
    });
  }
  const lines = Buffer.from(list.content.bytes).toString('utf8').split('\n');
  return lines.filter((name) => name !== '');
}

function appletLinks(names: readonly string[]): Entry[] {
  return names.map((name) => ({
    ...owned(`bin/${name}`),
    type: 'symlink',
    mode: 0o777,
    target: 'busybox',
  }));
}

function moduleEntry(source: Tree, path: string): Entry {
  const module = source.file(path);
  if (module !== undefined) return { ...module, path };
  throw new BuildError({ what: `kernel module ${path} is in the index but not in the package` });
}

function owned(path: string) {
  return { path, uid: 0, gid: 0, origin: 'initramfs' };
}
