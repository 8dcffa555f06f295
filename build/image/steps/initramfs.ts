import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { assertDriven } from '../../audit/audit.ts';
import type { OpenedPackage } from '../../contract/base.ts';
import type { LockedPackage } from '../../contract/lock.ts';
import { BuildError } from '../../error.ts';
import { settingsOf } from '../../profile/profile.ts';
import { planStep, prefixed, type Step } from '../../step/step.ts';
import { ContentReader } from '../../tree/content.ts';
import type { Entry } from '../../tree/entry.ts';
import { Tree } from '../../tree/tree.ts';
import { cpioArchive } from '../cpio.ts';
import { initramfsTree } from '../initramfs.ts';
import {
  type ImageFacts,
  packageInputs,
  packagesOf,
  profileInputs,
  sourceInputs,
} from './facts.ts';

/** Files that the step makes. */
export const INITRAMFS_FILE = 'initramfs';
export const KERNEL_FILE = 'vmlinuz';

/** zstd(1) level: half a second for 15 MB; higher ones take seconds for a few per cent. */
const LEVEL = 9;

/** The packages that the kernel and the initramfs come from. */
export function initramfsPackages({ profile, lock, flavour }: ImageFacts): LockedPackage[] {
  const { busybox } = settingsOf(profile, lock.base);
  return packagesOf(lock, flavour).filter((one) => one.flavour === flavour || one.name === busybox);
}

/** Plans kernel and initramfs. */
export function planInitramfs(facts: ImageFacts): Step {
  const { profile, lock } = facts;
  return planStep('initramfs', {
    ...packageInputs(initramfsPackages(facts)),
    ...prefixed('overlay', facts.initramfsOverlay.digests),
    ...profileInputs({
      'initramfs.modules': profile.initramfs.modules,
      'kernel.drivers': mediumDrivers(facts),
      flavour: facts.flavour,
      labelPrefix: profile.labelPrefix,
      busybox: settingsOf(profile, lock.base).busybox,
    }),
    epoch: lock.sourceDateEpoch,
    ...sourceInputs(facts, ['build/image/steps/initramfs.ts']),
  });
}

/**
 * Makes kernel and initramfs.
 * @param directory where `KERNEL_FILE` and `INITRAMFS_FILE` go
 * @param skeleton what the base lays before the first package
 * @param packages those of `initramfsPackages`
 * @throws BuildError if the packages hold no kernel, no static busybox or not every module and driver
 */
export async function makeInitramfs(
  directory: string,
  facts: ImageFacts,
  { skeleton, packages }: { skeleton: readonly Entry[]; packages: readonly OpenedPackage[] },
): Promise<void> {
  using reader = new ContentReader();
  const source = new Tree(reader);
  for (const entry of [...skeleton, ...packages.flatMap(({ entries }) => entries)])
    source.add(entry);
  const tree = initramfsTree(source, {
    overlay: facts.initramfsOverlay,
    modules: facts.profile.initramfs.modules,
    drivers: Object.values(mediumDrivers(facts)).flat(),
    flavour: facts.flavour,
    product: facts.profile.labelPrefix,
    reader,
  });
  assertDriven(tree, mediumDrivers(facts));
  const compressed = await promisify(zstdCompress)(cpioArchive(tree, facts.lock.sourceDateEpoch), {
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 },
  });
  await writeFile(join(directory, INITRAMFS_FILE), compressed);
  await writeFile(join(directory, KERNEL_FILE), kernelOf(source));
}

/** Kind of machine → drivers that find the medium there. */
function mediumDrivers({ profile, flavour }: ImageFacts): Record<string, string[]> {
  const machines = Object.entries(profile.kernel.drivers[flavour]);
  return Object.fromEntries(machines.map(([machine, { medium }]) => [machine, medium]));
}

function kernelOf(tree: Tree): Buffer {
  const [kernel, ...others] = tree
    .names('boot')
    .filter((name) => /^vmlinuz(?:-|$)/.test(name))
    .flatMap((name) => tree.file(`boot/${name}`) ?? []);
  if (kernel !== undefined && others.length === 0) return tree.bytes(kernel);
  throw new BuildError({
    what: 'the kernel package has not one /boot/vmlinuz*',
    fix: 'Check bases.*.kernel of the profile.',
  });
}
