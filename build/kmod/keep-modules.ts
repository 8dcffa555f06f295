import { must } from '../error.ts';
import { getParent, nameOf } from '../tree/path.ts';
import { matchPaths } from '../tree/path-patterns.ts';
import type { Tree } from '../tree/tree.ts';
import { indexModules } from './index-modules.ts';
import { MODULE_FILE, normalizeModuleName } from './modinfo.ts';
import type { ModuleIndex } from './module-index.ts';
import { MODULES } from './release.ts';

/** Which modules of a kernel to leave out of an image. */
export interface ModuleChoice {
  /** Paths in the kernel's source; each includes everything below it, `*` stands for any characters except `/`. */
  drop: readonly string[];
  /** Names of modules to keep even if `drop` includes them. */
  keep: readonly string[];
}

/**
 * Removes the modules of a tree that are not needed. Dependencies of modules that stay are kept, so that a choice made
 * for one kernel version works for others.
 * @param release result of `findKernelRelease`
 * @returns the remaining modules
 * @throws BuildError as `indexModules` does
 */
export function keepModules(
  tree: Tree,
  release: string,
  { drop, keep }: ModuleChoice,
): ModuleIndex {
  const dropped = matchPaths(drop.map((path) => `/kernel/${path}`));
  const kept = new Set(keep.map(normalizeModuleName));
  const index = indexModules(tree, release, (path) => {
    const source = path.replace(MODULE_FILE, '');
    return dropped(source) && !kept.has(normalizeModuleName(nameOf(source)));
  });
  const directory = must(tree.canonical(`${MODULES}/${release}`), 'folder of modules');
  removeOthers(tree, directory, new Set([...index.modules.values()].map(({ path }) => path)));
  return index;
}

/** Removes module files other than the given paths, and directories that become empty. */
function removeOthers(tree: Tree, directory: string, paths: ReadonlySet<string>): void {
  for (const { type, path } of tree.entries()) {
    if (!path.startsWith(`${directory}/`) || type === 'directory' || !MODULE_FILE.test(path))
      continue;
    if (paths.has(path.slice(directory.length + 1))) continue;
    tree.remove(path);
    let parent = getParent(path);
    while (parent !== directory && tree.names(parent).length === 0) {
      tree.remove(parent);
      parent = getParent(parent);
    }
  }
}
