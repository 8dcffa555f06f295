import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { assertAudited, auditTree } from '../../audit/audit.ts';
import type { AuditOptions, Finding } from '../../audit/finding.ts';
import type { Base, OpenedPackage, UnrunScript } from '../../contract/base.ts';
import type { MachineDrivers } from '../../profile/profile.ts';
import { settingsOf } from '../../profile/profile.ts';
import { programEntries } from '../../sea/entries.ts';
import { EXECUTABLE_FILE } from '../../sea/make.ts';
import { digestOf } from '../../step/digest.ts';
import { planStep, prefixed, type Step } from '../../step/step.ts';
import { ContentReader } from '../../tree/content.ts';
import type { Tree } from '../../tree/tree.ts';
import { appletsUsed } from '../initramfs.ts';
import { assembleRootfs, type Rootfs } from '../rootfs.ts';
import { writeSquashfs } from '../squashfs.ts';
import {
  type ImageFacts,
  packageInputs,
  packagesOf,
  profileInputs,
  sourceInputs,
  toolInputs,
} from './facts.ts';

/** Files that the step makes. */
export const SQUASHFS_FILE = 'system.squashfs';
const SCRIPTS_FILE = 'scripts.json';

const scriptsSchema = z.array(
  z.object({ package: z.string(), script: z.string(), reason: z.string() }),
);

/**
 * Plans the root filesystem.
 * @param sea the step that makes the programs in it, if there are any
 */
export function planSquashfs(facts: ImageFacts, sea: Step | undefined): Step {
  const { profile, lock, flavour, overlays } = facts;
  const {
    kernel: _kernel,
    packages: _packages,
    node: _node,
    ...settings
  } = settingsOf(profile, lock.base);
  const { name, title, labelPrefix, hostname, accounts, runlevels, programs, setuid } = profile;
  const { drivers, drop } = profile.kernel;
  const read = {
    kernel: { drivers: drivers[flavour], drop },
    name,
    title,
    labelPrefix,
    hostname,
    accounts,
    runlevels,
    programs,
    setuid,
    ...settings,
  };
  const digests = Object.assign({}, ...overlays.map((overlay) => overlay.digests));
  return planStep('squashfs', {
    ...packageInputs(packagesOf(lock, flavour)),
    ...(sea === undefined ? {} : { 'step sea': sea.key }),
    ...prefixed('overlay', digests),
    'applets of the initramfs': appletsUsed(facts.initramfsOverlay).join(' '),
    ...profileInputs({ ...read, overlays: overlays.map((overlay) => overlay.name) }),
    request: digestOf(lock.request),
    compression: facts.compression.args.join(' '),
    epoch: lock.sourceDateEpoch,
    version: facts.version,
    ...toolInputs(facts, ['mksquashfs']),
    ...sourceInputs(facts, [
      'build/image/steps/squashfs.ts',
      join('build/base', lock.base, 'base.ts'),
    ]),
  });
}

/** What a root filesystem is put together from besides facts. */
export interface RootfsSources {
  base: Base;
  /** In the lock's order. */
  packages: readonly OpenedPackage[];
  /** Folder that the step `sea` made; absent if the image has no programs. */
  sea: string | undefined;
}

/** The root filesystem of an image as a value. */
export function rootfsOf(
  facts: ImageFacts,
  { sea, ...sources }: RootfsSources & { reader: ContentReader },
): Rootfs {
  const programs =
    sea === undefined ? [] : programEntries(join(sea, EXECUTABLE_FILE), facts.profile.programs);
  return assembleRootfs({ ...facts, ...sources, programs });
}

/** Everything in a root filesystem that cannot work, or must not be there. */
export function auditFindings(tree: Tree, facts: ImageFacts): Finding[] {
  return auditTree(tree, auditOptions(facts));
}

function auditOptions({ profile, lock, flavour, initramfsOverlay }: ImageFacts): AuditOptions {
  return {
    setuid: profile.setuid,
    allow: settingsOf(profile, lock.base).accept,
    applets: appletsUsed(initramfsOverlay),
    drivers: driversOf(profile.kernel.drivers[flavour]),
  };
}

/** Kind of machine → drivers that the root filesystem has for it. */
function driversOf(machines: MachineDrivers): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(machines).map(([machine, { medium, system }]) => [
      machine,
      [...medium, ...system],
    ]),
  );
}

/** What the step is given besides its facts. */
export interface SquashfsParts extends RootfsSources {
  signal?: AbortSignal | undefined;
  onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Assembles the root filesystem, audits it and writes it as squashfs.
 * @param directory where `SQUASHFS_FILE` goes, and the list of scripts that were not run
 * @throws BuildError if parts contradict each other or the audit finds something
 */
export async function makeSquashfs(
  directory: string,
  facts: ImageFacts,
  { base, packages, sea, signal, onProgress }: SquashfsParts,
): Promise<void> {
  using reader = new ContentReader();
  const { tree, scripts } = rootfsOf(facts, { base, packages, sea, reader });
  assertAudited(tree, auditOptions(facts));
  await writeSquashfs(tree, join(directory, SQUASHFS_FILE), {
    compression: facts.compression,
    epoch: facts.lock.sourceDateEpoch,
    signal,
    onProgress,
  });
  await writeFile(join(directory, SCRIPTS_FILE), JSON.stringify(scripts));
}

/** The scripts of packages that were not run, as `makeSquashfs` noted them. */
export async function readScripts(directory: string): Promise<UnrunScript[]> {
  return scriptsSchema.parse(JSON.parse(await readFile(join(directory, SCRIPTS_FILE), 'utf8')));
}
