import type { Pool } from '../../api/storage.ts';

/** Describes the changes of storage pools between two reads, in lines for a log. */
export function poolChanges(before: readonly Pool[] | undefined, after: readonly Pool[]): string[] {
  const known = new Map(before?.map((pool) => [pool.id, pool]));
  const lines = after.flatMap(({ id, name, health, problem }) => {
    const old = known.get(id)?.health ?? 'new';
    known.delete(id);
    const why = problem === null ? '' : `: ${problem}`;
    return old === health ? [] : [`storage pool ${name}: ${old} → ${health}${why}`];
  });
  return [...lines, ...[...known.values()].map(({ name }) => `storage pool ${name}: gone`)];
}
