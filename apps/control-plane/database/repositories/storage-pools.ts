import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { explainRefusal } from '../refusal.ts';
import { listRows, type Row, rowsOf } from '../rows.ts';
import type { ValueOf } from '../values.ts';

export type StoragePool = Row<'storagePools'>;
export type PoolHostStatus = Row<'poolHostStatuses'>;

/** What a host reports of a pool. Sizes are bytes; null where they are not known. */
export interface ReportedPool {
  /** What the host calls it; a UUID where the pool has one. */
  readonly hostPoolId: string;
  readonly name: string;
  readonly poolType: ValueOf<'storage_pools_pool_type'>;
  readonly health: ValueOf<'pool_host_statuses_health'>;
  readonly mountPath: string;
  readonly problem: string;
  readonly totalBytes: number | null;
  readonly usedBytes: number | null;
  readonly availableBytes: number | null;
}

const rows = rowsOf('storagePools');

export const findStoragePool = rows.find;

/** Pools, oldest first. @param assignedTo only those that this node should have */
export function listStoragePools(
  db: Executor,
  { assignedTo }: { assignedTo?: string } = {},
): Promise<StoragePool[]> {
  const where =
    assignedTo === undefined ? undefined : sql`${[assignedTo]}::uuid[] <@ assigned_node_ids`;
  return listRows(db, 'storagePools', where);
}

/** @throws RefusedChangeError if the project has a managed pool of this name */
export const createStoragePool = rows.create;

export const updateStoragePool = rows.update;

/** @throws RefusedChangeError while volumes are in it */
export const removeStoragePool = rows.remove;

/** How a pool fares on each host that reported it. */
export async function listPoolHostStatuses(
  db: Executor,
  poolId: string,
): Promise<PoolHostStatus[]> {
  return await db
    .selectFrom('poolHostStatuses')
    .selectAll()
    .where('poolId', '=', poolId)
    .orderBy('nodeId')
    .execute();
}

/**
 * Records the pools that a host reports, in one statement: an unknown one as discovered and unmanaged, and of each how it
 * fares on this host. What is as it was recorded is not written.
 * @returns how many pools were discovered, and how many statuses were written
 * @throws RefusedChangeError if a value is none
 */
export async function recordReportedPools(
  db: Executor,
  nodeId: string,
  pools: readonly ReportedPool[],
): Promise<{ discovered: number; written: number }> {
  const { rows } = await explainRefusal(
    sql<{ discovered: number; written: number }>`
      WITH sent AS (
        SELECT * FROM unnest(
          ${pools.map(({ hostPoolId }) => hostPoolId)}::text[],
          ${pools.map(({ name }) => name)}::text[],
          ${pools.map(({ poolType }) => poolType)}::text[],
          ${pools.map(({ health }) => health)}::text[],
          ${pools.map(({ mountPath }) => mountPath)}::text[],
          ${pools.map(({ problem }) => problem)}::text[],
          ${pools.map(({ totalBytes }) => totalBytes)}::bigint[],
          ${pools.map(({ usedBytes }) => usedBytes)}::bigint[],
          ${pools.map(({ availableBytes }) => availableBytes)}::bigint[]
        ) AS sent (host_pool_id, name, pool_type, health, mount_path, problem, total_bytes, used_bytes, available_bytes)
      ), discovered AS (
        INSERT INTO storage_pools (name, pool_type, phase, origin, is_managed, host_pool_id)
        SELECT name, pool_type, 'READY', 'host-discovered', false, host_pool_id FROM sent
        ON CONFLICT (host_pool_id) WHERE host_pool_id IS NOT NULL DO NOTHING
        RETURNING id, host_pool_id
      ), known AS (
        SELECT id, host_pool_id FROM discovered
        UNION ALL
        SELECT pool.id, pool.host_pool_id FROM storage_pools AS pool JOIN sent USING (host_pool_id)
      ), written AS (
        INSERT INTO pool_host_statuses AS kept
          (pool_id, node_id, health, mount_path, problem, total_bytes, used_bytes, available_bytes)
        SELECT known.id, ${nodeId}, health, mount_path, problem, total_bytes, used_bytes, available_bytes
        FROM sent JOIN known USING (host_pool_id)
        ON CONFLICT (pool_id, node_id) DO UPDATE
        SET health = excluded.health, mount_path = excluded.mount_path, problem = excluded.problem,
          total_bytes = excluded.total_bytes, used_bytes = excluded.used_bytes,
          available_bytes = excluded.available_bytes, reported_at = now()
        WHERE (kept.health, kept.mount_path, kept.problem, kept.total_bytes, kept.used_bytes, kept.available_bytes)
          IS DISTINCT FROM (excluded.health, excluded.mount_path, excluded.problem, excluded.total_bytes,
            excluded.used_bytes, excluded.available_bytes)
        RETURNING pool_id
      )
      SELECT (SELECT count(*) FROM discovered) AS discovered, (SELECT count(*) FROM written) AS written`.execute(
      db,
    ),
  );
  return rows[0]!;
}
