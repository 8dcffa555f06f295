import type { Lock } from '../../contract/lock.ts';
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
