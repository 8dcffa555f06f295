import type { LockedPackage } from '../../contract/lock.ts';
import type { Flavour } from '../../profile/profile.ts';

/**
 * Merges the packages of all flavours into one list; a package that only one flavour has is marked with that flavour.
 */
export function mergeFlavours(
  chosen: ReadonlyMap<Flavour, readonly LockedPackage[]>,
): LockedPackage[] {
  const lists = [...chosen];
  const everywhere = (sha: string) =>
    lists.every(([, packages]) => packages.some((one) => one.sha256 === sha));
  const merged = new Map<string, LockedPackage>();
  for (const [flavour, packages] of lists) {
    for (const one of packages) {
      const common = everywhere(one.sha256);
      merged.set(common ? one.name : `${one.name} ${flavour}`, common ? one : { ...one, flavour });
    }
  }
  return [...merged.values()];
}
