import { join } from 'node:path';
import { ARCHITECTURES } from '../architecture.ts';
import type { AuditOptions } from '../audit/finding.ts';
import { mountPoint } from '../base/system/skeleton.ts';
import { BASES } from '../bases.ts';
import type { RootfsProfile } from '../contract/base.ts';
import { makeModuleIndex } from '../kmod/index-files.ts';
import { keepModules } from '../kmod/keep-modules.ts';
import { findKernelRelease } from '../kmod/release.ts';
import { listDrivers } from '../profile/profile.ts';
import { makeProgramEntries } from '../sea/entries.ts';
import { Code } from '../step/code.ts';
import type { Step } from '../step/step.ts';
import type { ContentReader } from '../tree/content.ts';
import { listOverlayEntries } from '../tree/overlay.ts';
import { matchPaths } from '../tree/path-patterns.ts';
import { Tree } from '../tree/tree.ts';
import { type ImageFacts, type ImageWork, listPackages, selectPackageContents } from './facts.ts';
import { readUsedApplets } from './initramfs.ts';
import { releaseKeyOverlay } from './release-keys.ts';

/** The facts, and the step that makes the programs; `undefined` if the image has no programs. */
export type RootfsFacts = ImageFacts & { sea: Step | undefined };

/** The inputs of a root filesystem. */
export type RootfsInputs = ReturnType<typeof readRootfs>;

/** Selects the facts that a root filesystem depends on. */
export function readRootfs({ profile, lock, base, ...facts }: RootfsFacts) {
  const { name, title, architecture, labelPrefix, hostname, accounts, runlevels } = profile;
  const { namespace, programPrefix, programs, setuid } = profile;
  return {
    profile: {
      ...{ name, title, architecture, labelPrefix, hostname, accounts, runlevels },
      ...{ namespace, programPrefix, programs, setuid },
    },
    settings: { ...base.settings(profile) },
    base: new Code(base, base.module),
    flavour: facts.flavour,
    kernel: { drop: profile.kernel.drop },
    /** Kind of machine → drivers that it needs. */
    drivers: listDrivers(profile.kernel.drivers[facts.flavour], (one) => [
      ...one.medium,
      ...one.system,
    ]),
    /** In the order of the lock. */
    package: selectPackageContents(listPackages(lock, facts.flavour)),
    /** In the order of the profile; a later overlay wins. */
    overlay: listOverlayEntries([
      ...facts.overlays,
      releaseKeyOverlay(facts.releaseKeys, namespace),
    ]),
    sea: facts.sea,
    /** Tree paths of busybox, for the audit. */
    busybox: [...BASES[base.name].busybox],
    /** Applets of busybox that the initramfs uses, for the audit. */
    applets: readUsedApplets(facts.initramfsOverlay.entries),
    version: facts.version,
    epoch: lock.sourceDateEpoch,
  };
}

/**
 * Builds the root filesystem: the packages without the paths that the profile drops, then overlays and programs, then
 * what package scripts would have created.
 * @param reader reads file contents; must stay open while the tree is used
 * @throws BuildError if two packages have different files at one path, or a file is missing from which other files are
 *   derived
 */
export function assembleRootfs(
  inputs: RootfsInputs,
  { made, opened }: Pick<ImageWork, 'made' | 'opened'>,
  reader: ContentReader,
): Tree {
  const { settings, flavour, overlay, sea, version, epoch } = inputs;
  const base = inputs.base.run;
  const profile: RootfsProfile = { ...inputs.profile, settings };
  const tree = new Tree(reader);
  for (const entry of base.skeleton()) tree.add(entry);
  tree.add(mountPoint(profile.namespace));
  const packages = opened(Object.values(inputs.package));
  base.merge(tree, packages, { profile, flavour, reader });
  drop(tree, Object.keys(settings.drop));
  const index = keepModules(tree, findKernelRelease(tree), {
    drop: Object.keys(inputs.kernel.drop),
    keep: Object.values(inputs.drivers).flat(),
  });
  for (const entry of Object.values(overlay)) tree.replace(entry);
  if (sea !== undefined) {
    const executable = join(made(sea), inputs.profile.programPrefix);
    for (const entry of makeProgramEntries(executable, inputs.profile)) tree.replace(entry);
  }
  base.finish(tree, { profile, base: base.name, version, epoch });
  for (const entry of makeModuleIndex(index)) tree.replace(entry);
  return tree;
}

function drop(tree: Tree, patterns: readonly string[]): void {
  const dropped = matchPaths(patterns);
  for (const { path } of tree.entries()) if (dropped(path)) tree.remove(path);
}

/** Returns the options for auditing a root filesystem. */
export function makeAuditOptions(inputs: RootfsInputs): AuditOptions {
  const { profile, settings, applets, drivers, busybox } = inputs;
  const init = { path: 'sbin/init', machine: ARCHITECTURES[profile.architecture].elf };
  const mountPoints = [profile.namespace];
  return {
    ...{ setuid: profile.setuid, allow: settings.accept, init, busybox, applets, drivers },
    mountPoints,
  };
}
