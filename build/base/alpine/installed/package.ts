import { canonicalIdentity } from '../database/identity.ts';
import type { PackageRecord } from '../package/record.ts';

/** A package in the installed database. */
export interface InstalledPackage {
  /** The index's fields (`C P V A S I T U L o m t c k D p i`); others are not written. */
  readonly fields: ReadonlyMap<string, string>;
  /** Tag of the repository it is pinned to, without `@`. */
  readonly tag?: string | undefined;
  /** What is broken about it, as apk's letters: `f` files, `s` a script, `x` extended attributes. */
  readonly broken?: string | undefined;
  readonly record: PackageRecord;
}

/** Identity of an installed package (`C:`) as apk writes it. */
export function identityOfPackage({ fields }: Pick<InstalledPackage, 'fields'>): string {
  const identity = fields.get('C') ?? '';
  return canonicalIdentity(identity) ?? identity;
}

/** Name of an installed package. */
export function nameOfPackage({ fields }: Pick<InstalledPackage, 'fields'>): string {
  return fields.get('P') ?? '';
}
