import type { OpenedPackage } from '../../contract/base.ts';
import type { Tree } from '../../tree/tree.ts';

/**
 * Adds packages to the tree; see `Base.merge`. If two packages have the same file, the package that replaces the other
 * wins (Debian Policy 7.6.1); if they replace each other, the later one wins, as in dpkg. Opened packages do not
 * contain dpkg's scripts; what these would do is declared in the profile or done by `finish`.
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
