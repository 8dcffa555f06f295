import type { Lock } from '../contract/lock.ts';
import { FLAVOURS, type Flavour } from '../profile/profile.ts';

/** Lists how a lock's request differs from the profile's current one, one line each; empty if the lock is valid. */
export function requestDifferences(locked: Lock['request'], present: Lock['request']): string[] {
  const ofFlavour = (flavour: Flavour) => [
    ...valueDifference(`kernel.${flavour}`, locked.kernel[flavour], present.kernel[flavour]),
    ...listDifferences(
      `flavours.${flavour}.packages`,
      locked.flavours?.[flavour] ?? [],
      present.flavours?.[flavour] ?? [],
    ),
  ];
  return [
    ...listDifferences('packages', locked.packages, present.packages),
    ...listDifferences('without', locked.without, present.without),
    ...FLAVOURS.flatMap(ofFlavour),
    ...valueDifference('suite', locked.suite, present.suite),
  ];
}

/** The compared fields of a package, of a lock or of an image. */
export type ComparedPackage = Pick<Lock['packages'][number], 'name' | 'version' | 'flavour'> & {
  /** SHA-256 of its archive, if known. */
  sha256?: string | undefined;
  /** Size of its archive in bytes, if known. */
  size?: number | undefined;
};

/** A package that is in only one of two lists, or differs. */
export interface PackageChange {
  change: 'added' | 'removed' | 'changed';
  /** Name of the package, followed by the flavour in parentheses if only one flavour has it. */
  name: string;
  /** Its version in each list: equal if only the bytes differ, absent if a list lacks the package. */
  before?: string | undefined;
  after?: string | undefined;
  /** Sizes of its archives in bytes, if known. */
  bytesBefore?: number | undefined;
  bytesAfter?: number | undefined;
}

/** Lists the packages that differ between two lists: those of the new list in its order, then the removed ones. */
export function comparePackages(
  before: readonly ComparedPackage[],
  after: readonly ComparedPackage[],
): PackageChange[] {
  const key = (one: ComparedPackage) =>
    one.flavour === undefined ? one.name : `${one.name} (${one.flavour})`;
  const old = new Map(before.map((one) => [key(one), one]));
  const fresh = new Map(after.map((one) => [key(one), one]));
  const changes: PackageChange[] = [];
  for (const [name, { version, sha256, size }] of fresh) {
    const previous = old.get(name);
    const now = { after: version, bytesAfter: size };
    if (previous === undefined) changes.push({ change: 'added', name, ...now });
    else if (previous.version !== version || isOther(previous.sha256, sha256)) {
      const then = { before: previous.version, bytesBefore: previous.size };
      changes.push({ change: 'changed', name, ...then, ...now });
    }
  }
  for (const [name, { version, size }] of old) {
    if (fresh.has(name)) continue;
    changes.push({ change: 'removed', name, before: version, bytesBefore: size });
  }
  return changes;
}

function isOther(before: string | undefined, after: string | undefined): boolean {
  return before !== undefined && after !== undefined && before !== after;
}

/** Formats a change: `libc6 2.36-9 → 2.36-10`, `+ zstd 1.5.4`, `- xz-utils 5.4.1`, `bash 5.2 (other bytes)`. */
export function describePackageChange({ change, name, before, after }: PackageChange): string {
  if (change === 'added') return `+ ${name} ${after}`;
  if (change === 'removed') return `- ${name} ${before}`;
  return before === after ? `${name} ${after} (other bytes)` : `${name} ${before} → ${after}`;
}

/** Lists the packages that differ between two locks, one line each. */
export function describeDifferences(before: Lock['packages'], after: Lock['packages']): string[] {
  return comparePackages(before, after).map(describePackageChange);
}

function listDifferences(key: string, locked: string[], present: string[]): string[] {
  const added = present.filter((name) => !locked.includes(name));
  const removed = locked.filter((name) => !present.includes(name));
  return [
    ...added.map((name) => `${key}: + ${name}`),
    ...removed.map((name) => `${key}: - ${name}`),
  ];
}

function valueDifference(
  key: string,
  locked: string | undefined,
  present: string | undefined,
): string[] {
  return locked === present ? [] : [`${key}: ${locked ?? 'none'} → ${present ?? 'none'}`];
}
