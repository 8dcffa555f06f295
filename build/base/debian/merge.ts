import type { OpenedPackage, UnrunScript } from '../../contract/base.ts';
import type { Tree } from '../../tree/tree.ts';

/**
 * See `Base.merge`. dpkg's scripts are not in what is opened of a package; what they would have done is declared by
 * the profile or done by `finish`.
 */
export function mergeDebian(tree: Tree, packages: readonly OpenedPackage[]): UnrunScript[] {
  for (const { entries } of packages) for (const entry of entries) tree.add(entry);
  return [];
}
