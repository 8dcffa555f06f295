import type { ValueOf } from '../database/values.ts';
import { isEqual } from './reconcile.ts';

/*
 * Derives the consequences of a node's report on its storage pools, as a pure function of what is known. A pool that
 * hosts share is one pool, with its state on each of them; any other pool belongs to its host alone, whatever its name.
 */

/** In bytes; null if unknown. */
export interface Sizes {
  readonly totalBytes: number | null;
  readonly usedBytes: number | null;
  readonly availableBytes: number | null;
}

/** A node's report on one pool. */
export interface ReportedPool {
  /** The host's id of the pool. */
  readonly id: string;
  readonly name: string;
  readonly poolType: ValueOf<'storage_pools_pool_type'>;
  readonly health: ValueOf<'pool_host_statuses_health'>;
  readonly mountPath: string;
  readonly problem: string;
  /** Id of the pool, if the control plane assigned it; else empty. */
  readonly assignedId: string;
  /** Whether a pool with this id is the same one on all hosts. */
  readonly isShared: boolean;
  readonly sizes: Sizes;
  /** The whole message as it is stored; equal bytes are an equal report. */
  readonly report: Uint8Array;
}

/** What is stored of one pool of a node. */
export interface KnownPool {
  readonly report: Uint8Array;
  readonly sizes: Sizes;
}

export interface PoolReport {
  readonly present: readonly ReportedPool[];
  /** Whether `present` is complete; if not, absence means nothing. */
  readonly isComplete: boolean;
  readonly absent: readonly string[];
}

export interface PoolChanges {
  /** Pools that are new or different. */
  readonly reported: readonly ReportedPool[];
  /** Pools that the node no longer has. */
  readonly gone: readonly string[];
  /** Ids of reports that cannot be recorded as a pool. */
  readonly rejected: readonly string[];
}

/** Whether a report can be recorded as a pool. */
export function isPool({ id, name }: ReportedPool): boolean {
  return (
    !id.startsWith('sha256:') && name !== '' && [...name].length <= 255 && !name.includes('\0')
  );
}

/** Determines the changes of a report. The same report again changes nothing. */
export function reconcilePools(
  known: ReadonlyMap<string, KnownPool>,
  { present: items, isComplete, absent }: PoolReport,
): PoolChanges {
  const present = new Map(items.map((pool) => [pool.id, pool]));
  const pools = [...present.values()];
  const gone = isComplete ? [...known.keys()] : absent;
  return {
    reported: pools.filter(({ id, report, sizes }) => {
      const kept = known.get(id);
      return !isEqual(kept?.report, report) || !isSameSize(kept?.sizes, sizes);
    }),
    gone: gone.filter((id) => known.has(id) && !present.has(id)),
    rejected: pools.filter((pool) => !isPool(pool)).map(({ id }) => id),
  };
}

function isSameSize(kept: Sizes | undefined, sizes: Sizes): boolean {
  return (
    kept?.totalBytes === sizes.totalBytes &&
    kept.usedBytes === sizes.usedBytes &&
    kept.availableBytes === sizes.availableBytes
  );
}
