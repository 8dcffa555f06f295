import type { OpenedPackage } from '../../contract/base.ts';
import type { Tree } from '../../tree/tree.ts';

/**
 * See `Base.merge`. A file gives way to that of a package which replaces its own (Debian Policy 7.6.1); of two
 * packages that replace each other the later one wins, as with dpkg. dpkg's scripts are not in what is opened of a
 * package; what they would have done is declared by the profile or done by `finish`.
 */
export function mergeDebian(tree: Tree, packages: readonly OpenedPackage[]): void {
  for (const [index, one] of packages.entries()) {
    const winners = packages.filter(
      (other, at) => replaces(other, one) && (at > index || !replaces(one, other)),
    );
    const taken = new Set(
      winners.flatMap(({ entries }) => entries.filter(isNoDirectory)).map(({ path }) => path),
    );
    for (const entry of one.entries)
      if (!taken.has(entry.path) || !isNoDirectory(entry)) tree.add(entry);
  }
}

function replaces({ locked }: OpenedPackage, other: OpenedPackage): boolean {
  return locked.replaces?.includes(other.locked.name) ?? false;
}

function isNoDirectory({ type }: OpenedPackage['entries'][number]): boolean {
  return type !== 'directory';
}
