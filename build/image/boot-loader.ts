import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ARCHITECTURES, type Architecture } from '../architecture.ts';
import { BuildError } from '../error.ts';
import { run } from '../process/run.ts';
import { findSettings } from '../profile/profile.ts';
import { defineStep } from '../step/step.ts';
import { ContentReader } from '../tree/content.ts';
import { Tree } from '../tree/tree.ts';
import { makeEsp } from './esp.ts';
import {
  type ImageFacts,
  type ImageWork,
  listPackages,
  packageContents,
  pickToolVersions,
} from './facts.ts';
import { CORE_MODULES, earlyConfig } from './grub-config.ts';

/** Where GRUB's packages put the modules of each platform. */
const GRUB = 'usr/lib/grub';

/** Files that the step makes. */
export const BIOS_IMAGE = 'bios.img';
export const ESP_IMAGE = 'esp.img';
/** The boot sector that makes the ISO bootable from a disk under BIOS. */
export const HYBRID_BOOT_SECTOR = 'boot_hybrid.img';

/**
 * The boot loader of an image: `esp.img`, an EFI system partition with GRUB for UEFI, and, where the architecture has a
 * BIOS, `bios.img`, GRUB for BIOS, and the boot sector that loads it from a disk. Both look for the medium of this
 * build, and for no other. GRUB's modules are those of the image's own packages: they need not be on the host, which
 * may not have them for another CPU.
 */
export const planBootLoader = defineStep({
  name: 'boot-loader',
  module: import.meta.filename,
  read: readBootLoader,
  make: makeFromPackages,
});

type BootLoaderInputs = ReturnType<typeof readBootLoader>;

function readBootLoader(facts: ImageFacts & { buildId: string }) {
  const { profile, lock, base, flavour } = facts;
  const { grub } = findSettings(profile, base.name);
  const packages = listPackages(lock, flavour).filter(({ name }) => grub.includes(name));
  return {
    skeleton: base.skeleton(),
    package: packageContents(packages),
    architecture: ARCHITECTURES[profile.architecture],
    'build id': facts.buildId,
    epoch: lock.sourceDateEpoch,
    tool: pickToolVersions(facts, 'grub-mkimage', 'mformat'),
  };
}

async function makeFromPackages(
  directory: string,
  { skeleton, package: packages, architecture, 'build id': buildId, epoch }: BootLoaderInputs,
  { opened, signal }: ImageWork,
): Promise<void> {
  using reader = new ContentReader();
  const grub = new Tree(reader);
  const shipped = opened(Object.values(packages)).flatMap(({ entries }) => entries);
  for (const entry of [...skeleton, ...shipped]) grub.add(entry);
  await makeBootLoader(directory, { architecture, grub, buildId, epoch, signal });
}

/** What a boot loader is made from. */
export interface BootLoaderRequest {
  architecture: Architecture;
  /** Tree of the packages with GRUB's modules. */
  grub: Tree;
  buildId: string;
  epoch: number;
  signal?: AbortSignal | undefined;
}

/**
 * Makes the files of a boot loader.
 * @param directory where they go
 * @throws BuildError if GRUB's tools or modules are missing
 */
export async function makeBootLoader(
  directory: string,
  { architecture, grub, buildId, epoch, signal }: BootLoaderRequest,
): Promise<void> {
  const { uefi, bios } = architecture;
  const config = join(directory, 'early.cfg');
  await writeFile(config, earlyConfig(buildId));
  const core = async (
    platform: string,
    format: string,
    output: string,
    modules: readonly string[],
  ) => {
    const folder = join(directory, platform);
    await layOut(grub, `${GRUB}/${platform}`, folder);
    const names = [...CORE_MODULES, ...modules];
    const prefix = ['--prefix', '/boot/grub', '--config', config];
    await run(
      'grub-mkimage',
      ['--directory', folder, '--format', format, ...prefix, '--output', output, ...names],
      { signal },
    );
    await rm(folder, { recursive: true });
  };
  const loader = join(directory, uefi.loader);
  await Promise.all([
    core(uefi.grub, uefi.grub, loader, uefi.video),
    bios && core(bios.grub, bios.format, join(directory, BIOS_IMAGE), ['biosdisk']),
  ]);
  if (bios !== undefined) {
    const sector = bytesOf(grub, `${GRUB}/${bios.grub}/${HYBRID_BOOT_SECTOR}`);
    await writeFile(join(directory, HYBRID_BOOT_SECTOR), sector);
  }
  await makeEsp(join(directory, ESP_IMAGE), {
    files: { [loaderPath(architecture)]: loader },
    serial: buildId.slice(0, 8),
    epoch,
    signal,
  });
}

/** Path in the EFI system partition of the program that firmware starts. */
export function loaderPath({ uefi }: Architecture): string {
  return `/EFI/BOOT/${uefi.loader}`;
}

/** Writes the files of one folder of a tree. */
async function layOut(tree: Tree, path: string, folder: string): Promise<void> {
  await mkdir(folder);
  const names = tree.names(path);
  if (names.length === 0) throw missing(path);
  for (const name of names) {
    const file = tree.file(`${path}/${name}`);
    if (file !== undefined) await writeFile(join(folder, name), tree.bytes(file));
  }
}

function bytesOf(tree: Tree, path: string): Buffer {
  const file = tree.file(path);
  if (file === undefined) throw missing(path);
  return tree.bytes(file);
}

function missing(path: string): BuildError {
  return new BuildError({
    what: `the packages with GRUB have no /${path}`,
    where: 'bases.*.architectures.*.grub of the profile',
    fix: 'Name the packages there that have GRUB for this architecture.',
  });
}
