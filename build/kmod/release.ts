import { BuildError } from '../error.ts';
import type { Tree } from '../tree/tree.ts';

/** Folder of the kernel's modules, with one subfolder per release. */
export const MODULES = 'lib/modules';

/** Lists the releases of the kernels (`uname -r`) whose modules are in a tree, sorted. */
export function listKernelReleases(tree: Tree): string[] {
  const directory = tree.canonical(MODULES);
  if (directory === undefined) return [];
  return tree.names(directory).filter((release) => {
    const marks = ['kernel', 'modules.order', 'modules.builtin'];
    return marks.some((mark) => tree.lookup(`${directory}/${release}/${mark}`) !== undefined);
  });
}

/**
 * Returns the release of the only kernel in a tree.
 * @throws BuildError if there is none, or more than one
 */
export function findKernelRelease(tree: Tree): string {
  const [release, ...others] = listKernelReleases(tree);
  if (release !== undefined && others.length === 0) return release;
  throw new BuildError({
    what:
      release === undefined
        ? 'the tree has no kernel modules'
        : `the tree has modules of more than one kernel: ${[release, ...others].join(', ')}`,
    where: `/${MODULES}`,
    fix: 'Name exactly one kernel package in the profile.',
  });
}
