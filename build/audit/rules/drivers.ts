import { builtinNames, MODULE_FILE, moduleName } from '../../kmod/index-modules.ts';
import { MODULES } from '../../kmod/release.ts';
import { nameOf } from '../../tree/path.ts';
import type { Tree } from '../../tree/tree.ts';
import type { Finding } from '../finding.ts';

/**
 * The kernel of a tree must have a driver, as a module or built in, for all hardware that the profile promises to
 * support.
 * @param drivers kind of machine → names of drivers
 */
export function findMissingDrivers(
  tree: Tree,
  drivers: Readonly<Record<string, readonly string[]>>,
): Finding[] {
  const directory = tree.canonical(MODULES) ?? MODULES;
  const there = namesBelow(tree, directory);
  return Object.entries(drivers).flatMap(([machine, names]) =>
    names
      .filter((name) => !there.has(moduleName(name)))
      .map((name) => ({
        rule: 'driver',
        path: directory,
        what: `has no driver ${name}, which ${machine} needs`,
        fix: 'Take a kernel that has it, or remove it from kernel.drivers of the profile.',
      })),
  );
}

/** Returns the names of the modules below a directory, and of the drivers built into the kernel. */
function namesBelow(tree: Tree, directory: string): Set<string> {
  const names = new Set<string>();
  for (const { path } of tree.entries()) {
    if (!path.startsWith(`${directory}/`)) continue;
    if (MODULE_FILE.test(path)) names.add(moduleName(nameOf(path).replace(MODULE_FILE, '')));
    if (nameOf(path) !== 'modules.builtin') continue;
    for (const name of builtinNames((tree.text(path) ?? '').split('\n'))) names.add(name);
  }
  return names;
}
