import type { Base, OpenedPackage, UnrunScript } from '../contract/base.ts';
import type { Lock } from '../contract/lock.ts';
import { moduleIndexFiles } from '../kmod/index-files.ts';
import { keepModules } from '../kmod/keep-modules.ts';
import { kernelRelease } from '../kmod/release.ts';
import { type Flavour, type Profile, settingsOf } from '../profile/profile.ts';
import type { ContentReader } from '../tree/content.ts';
import { dropTest } from '../tree/drop.ts';
import type { Entry } from '../tree/entry.ts';
import type { Overlay } from '../tree/overlay.ts';
import { Tree } from '../tree/tree.ts';

/** What a root filesystem is put together from. */
export interface RootfsParts {
  profile: Profile;
  lock: Lock;
  flavour: Flavour;
  base: Base;
  /** In the lock's order. */
  packages: readonly OpenedPackage[];
  /** The profile's overlays, in its order. */
  overlays: readonly Overlay[];
  /** The programs of `apps/` and their names. */
  programs: readonly Entry[];
  /** Product version for `/etc/os-release`. */
  version: string;
  /** Reads file contents; stays open as long as the tree is used. */
  reader: ContentReader;
}

/** A root filesystem that was put together. */
export interface Rootfs {
  tree: Tree;
  /** Scripts of packages that were not run. */
  scripts: UnrunScript[];
}

/**
 * Puts a root filesystem together: packages, less what the profile drops, then the overlays and our own programs
 * over them, then what package scripts would have made.
 * @throws BuildError if two packages claim one path, or something that is derived has nothing to derive from
 */
export function assembleRootfs(parts: RootfsParts): Rootfs {
  const { profile, lock, flavour, base, packages, overlays, programs, version, reader } = parts;
  const settings = settingsOf(profile, base.name);
  const tree = new Tree(reader);
  for (const entry of base.skeleton(profile)) tree.add(entry);
  const scripts = base.merge(tree, packages, { profile, lock, flavour, reader });
  drop(tree, Object.keys(settings.drop));
  const index = keepModules(tree, kernelRelease(tree), {
    drop: Object.keys(profile.kernel.drop),
    keep: Object.values(profile.kernel.drivers[flavour]).flatMap(Object.values).flat(),
  });
  for (const overlay of overlays) for (const entry of overlay.entries) tree.replace(entry);
  for (const entry of programs) tree.replace(entry);
  base.finish(tree, { profile, lock, version });
  for (const entry of moduleIndexFiles(index)) tree.replace(entry);
  return { tree, scripts };
}

function drop(tree: Tree, patterns: readonly string[]): void {
  const dropped = dropTest(patterns);
  for (const { path } of tree.entries()) if (dropped(path)) tree.remove(path);
}
