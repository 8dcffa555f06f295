import type { PackageRelations } from '../../contract/base.ts';
import type { LockedPackage } from '../../contract/lock.ts';
import { parseAtom, splitList } from './dependency/dependency.ts';

/**
 * Reads the relations of packages from their index stanzas in the lock (apk-package(5)).
 * @returns package name → relations
 */
export function readAlpineRelations(
  packages: readonly LockedPackage[],
): Map<string, PackageRelations> {
  return new Map(packages.map((one) => [one.name, relationsOf(one)]));
}

function relationsOf({ apk = {} }: LockedPackage): PackageRelations {
  const names = (letter: string) =>
    splitList(apk[letter] ?? '').flatMap((text) => {
      const atom = parseAtom(text, (one) => one);
      return atom === undefined || atom.conflict ? [] : [atom.name];
    });
  return {
    installedSize: apk.I === undefined ? undefined : Number(apk.I),
    needs: names('D').map((one) => [one]),
    provides: names('p'),
    comesWith: names('i'),
  };
}
