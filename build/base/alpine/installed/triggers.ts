import { type InstalledPackage, identityOfPackage } from './package.ts';
import { inOrder } from './write.ts';

/**
 * The text of `/lib/apk/db/triggers`: per package that has some, its identity and what it wants to know of.
 * @param packages in any order
 */
export function formatTriggers(packages: readonly InstalledPackage[]): string {
  return inOrder(packages)
    .filter(({ record }) => record.triggers.length > 0)
    .map(({ fields, record }) => `${identityOfPackage({ fields })} ${record.triggers.join(' ')}\n`)
    .join('');
}
