import type { Lock } from '../../contract/lock.ts';
import { BuildError } from '../../error.ts';
import type { Repository } from './repository/index.ts';

/** State of a repository as a lock records it. An index has no date of its own, so that of its newest package counts. */
export function repositoryState(
  { packages, sha256 }: Pick<Repository, 'packages' | 'sha256'>,
  release: string,
): Lock['repositories'][string] {
  const newest = packages.reduce((latest, { fields }) => {
    const built = Number(/^\d{1,11}$/.exec(fields.get('t') ?? '') ?? 0);
    return Math.max(latest, built);
  }, 0);
  return { suite: release, date: new Date(newest * 1000).toISOString(), sha256 };
}

/**
 * Refuses indexes older than those in the lock, so that a mirror which replays old signed indexes cannot hold us on
 * vulnerable packages.
 * @param known states recorded in the lock; `undefined` to accept older ones, or if there is no lock
 * @throws BuildError naming the repository and both dates
 */
export function assertNotOlder(
  present: Lock['repositories'],
  known: Lock['repositories'] | undefined,
): void {
  for (const [name, { suite, date }] of Object.entries(present)) {
    const before = known?.[name];
    if (before === undefined || before.suite !== suite || date >= before.date) continue;
    throw new BuildError({
      what: `the index of ${name} is older than the one in the lock: ${day(date)} instead of ${day(before.date)}`,
      fix: 'The mirror lags, or somebody serves old packages: name another one with MIRROR=…, or accept it with --update.',
    });
  }
}

function day(date: string): string {
  return date.slice(0, 16).replace('T', ' ');
}
