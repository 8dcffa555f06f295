import type { Lock } from '../contract/lock.ts';

/** What a lock's request and a profile's present request differ in, a line each; empty if the lock still holds. */
export function requestDifferences(locked: Lock['request'], present: Lock['request']): string[] {
  return [
    ...listDifferences('packages', locked.packages, present.packages),
    ...listDifferences('without', locked.without, present.without),
    ...valueDifference('kernel.virt', locked.kernel.virt, present.kernel.virt),
    ...valueDifference('kernel.full', locked.kernel.full, present.kernel.full),
    ...valueDifference('suite', locked.suite, present.suite),
  ];
}

/** Packages that moved between two locks: `libc6 2.36-9 → 2.36-10`, `+ zstd 1.5.4`, `- xz-utils 5.4.1`. */
export function packageDifferences(before: Lock['packages'], after: Lock['packages']): string[] {
  const key = (one: Lock['packages'][number]) =>
    one.flavour === undefined ? one.name : `${one.name} (${one.flavour})`;
  const old = new Map(before.map((one) => [key(one), one]));
  const fresh = new Map(after.map((one) => [key(one), one]));
  const lines: string[] = [];
  for (const [name, one] of fresh) {
    const previous = old.get(name);
    if (previous === undefined) lines.push(`+ ${name} ${one.version}`);
    else if (previous.version !== one.version) {
      lines.push(`${name} ${previous.version} → ${one.version}`);
    } else if (previous.sha256 !== one.sha256) lines.push(`${name} ${one.version} (other bytes)`);
  }
  for (const [name, one] of old) if (!fresh.has(name)) lines.push(`- ${name} ${one.version}`);
  return lines;
}

function listDifferences(key: string, locked: string[], present: string[]): string[] {
  const added = present.filter((name) => !locked.includes(name));
  const removed = locked.filter((name) => !present.includes(name));
  return [
    ...added.map((name) => `${key}: + ${name}`),
    ...removed.map((name) => `${key}: - ${name}`),
  ];
}

function valueDifference(key: string, locked: string, present: string): string[] {
  return locked === present ? [] : [`${key}: ${locked} → ${present}`];
}
