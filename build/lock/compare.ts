import type { Lock } from '../contract/lock.ts';

/** What a lock's request and a profile's present request differ in, a line each; empty if the lock still holds. */
export function requestDifferences(locked: Lock['request'], present: Lock['request']): string[] {
  const ofFlavour = (flavour: 'virt' | 'full') => [
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
    ...ofFlavour('virt'),
    ...ofFlavour('full'),
    ...valueDifference('suite', locked.suite, present.suite),
  ];
}

/** What of a package is compared: the lock's, or one of an image. */
export type ComparedPackage = Pick<Lock['packages'][number], 'name' | 'version' | 'flavour'> & {
  /** Of its archive; absent where that is not known. */
  sha256?: string | undefined;
  /** Bytes of its archive; absent where that is not known. */
  size?: number | undefined;
};

/** A package that is in one of two lists only, or other in each. */
export interface PackageChange {
  change: 'added' | 'removed' | 'changed';
  /** With the flavour in parentheses where it is of one only. */
  name: string;
  /** Its versions, the same in both where other bytes have the same version; absent where it is not in the list. */
  before?: string | undefined;
  after?: string | undefined;
  /** Bytes of its archives, where they are known. */
  bytesBefore?: number | undefined;
  bytesAfter?: number | undefined;
}

/** Packages that moved between two lists: those of the new list in its order, then those that it lacks. */
export function packageChanges(
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

/** A change as a line: `libc6 2.36-9 → 2.36-10`, `+ zstd 1.5.4`, `- xz-utils 5.4.1`, `bash 5.2 (other bytes)`. */
export function describePackageChange({ change, name, before, after }: PackageChange): string {
  if (change === 'added') return `+ ${name} ${after}`;
  if (change === 'removed') return `- ${name} ${before}`;
  return before === after ? `${name} ${after} (other bytes)` : `${name} ${before} → ${after}`;
}

/** Packages that moved between two locks, a line each. */
export function packageDifferences(before: Lock['packages'], after: Lock['packages']): string[] {
  return packageChanges(before, after).map(describePackageChange);
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
