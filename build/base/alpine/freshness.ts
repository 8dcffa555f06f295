import type { Lock } from '../../contract/lock.ts';
import type { Repository } from './repository/index.ts';

/** Returns a repository's state for a lock. An index has no date: that of its newest package is used. */
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
