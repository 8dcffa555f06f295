import { canonicalizeIdentity } from '../database/identity.ts';
import type { PackageRecord } from '../package/record.ts';

/** A package in the installed database. */
export interface InstalledPackage {
  /** The index's fields (`C P V A S I T U L o m t c k D p i`); others are not written. */
  readonly fields: ReadonlyMap<string, string>;
  /** Tag of the repository it is pinned to, without `@`. */
  readonly tag?: string | undefined;
  /** What is broken, in apk's letters: `f` files, `s` a script, `x` extended attributes. */
  readonly broken?: string | undefined;
  readonly record: PackageRecord;
}

/** Returns the identity of an installed package (`C:`) as apk writes it. */
export function formatIdentity({ fields }: Pick<InstalledPackage, 'fields'>): string {
  const identity = fields.get('C') ?? '';
  return canonicalizeIdentity(identity) ?? identity;
}

/** Returns the name of an installed package. */
export function nameOfPackage({ fields }: Pick<InstalledPackage, 'fields'>): string {
  return fields.get('P') ?? '';
}

/** Sorts packages into the order in which apk writes them. */
export function sortPackages<P extends Pick<InstalledPackage, 'fields'>>(
  packages: readonly P[],
): P[] {
  return packages.toSorted((a, b) => compareNames(nameOfPackage(a), nameOfPackage(b)));
}

/**
 * Compares names as the installed database sorts them: without regard to case, and equal names by bytes (apk-tools
 * 2.14: `strcasecmp`, then `strcmp`).
 * @returns a number less than 0 if the first is less, 0 if they are equal, else greater than 0
 */
export function compareNames(a: string, b: string): number {
  return compareBytes(asciiLowerCase(a), asciiLowerCase(b)) || compareBytes(a, b);
}

/** Compares the UTF-8 bytes of two texts, like C's `strcmp`. */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
