import { sql } from 'kysely';
import type { Executor } from '../database/database.ts';
import {
  isPool,
  type KnownPool,
  type PoolChanges,
  type ReportedPool,
  type Sizes,
} from './reconcile-pools.ts';

/** The volumes of a host's pool, as its node reports them. */
export interface ReportedVolumes {
  readonly poolId: string;
  /** Message PoolVolumes of storage.proto. */
  readonly volumes: Uint8Array;
  readonly sha256: string;
}

/** Reads the last reports of a node's pools. */
export async function readKnownPools(
  db: Executor,
  nodeId: string,
): Promise<Map<string, KnownPool>> {
  const { rows } = await sql<Sizes & { hostPoolId: string; report: Uint8Array }>`
    SELECT kept.host_pool_id, kept.report, status.total_bytes, status.used_bytes, status.available_bytes
    FROM reported_pools AS kept
    LEFT JOIN pool_host_statuses AS status ON status.pool_id = kept.pool_id AND status.node_id = kept.node_id
    WHERE kept.node_id = ${nodeId}`.execute(db);
  return new Map(
    rows.map(
      ({ hostPoolId, report, totalBytes = null, usedBytes = null, availableBytes = null }) => [
        hostPoolId,
        { report, sizes: { totalBytes, usedBytes, availableBytes } },
      ],
    ),
  );
}

/** Writes the changes of a node's pools. @returns how many pools were unknown before */
export async function applyPoolChanges(
  db: Executor,
  nodeId: string,
  { reported, gone }: PoolChanges,
  now: Date,
): Promise<number> {
  const touched: string[] = [];
  if (gone.length > 0) {
    const { rows } = await sql<{ poolId: string | null }>`
      WITH gone AS (
        DELETE FROM reported_pools
        WHERE node_id = ${nodeId} AND host_pool_id = ANY (${gone}::text[]) RETURNING pool_id
      ), statuses AS (
        DELETE FROM pool_host_statuses AS status USING gone
        WHERE status.node_id = ${nodeId} AND status.pool_id = gone.pool_id
      )
      SELECT pool_id FROM gone`.execute(db);
    touched.push(...rows.flatMap(({ poolId }) => (poolId === null ? [] : [poolId])));
  }
  let discovered = 0;
  if (reported.length > 0) {
    const fit = reported.filter(isPool);
    const found = await findPools(db, nodeId, fit);
    // A second query also finds pools that the report of another host added at the same moment.
    if (found.length < fit.length) found.push(...(await findPools(db, nodeId, fit)));
    discovered = found.filter(({ isNew }) => isNew).length;
    const idOf = new Map(found.map(({ hostPoolId, id }) => [hostPoolId, id]));
    touched.push(...idOf.values());
    const { rows: left } = await sql<{ poolId: string }>`
      WITH sent AS (
        SELECT * FROM unnest(
          ${reported.map(({ id }) => id)}::text[],
          ${reported.map(({ id }) => idOf.get(id) ?? null)}::uuid[],
          ${reported.map(({ report }) => Buffer.from(report))}::bytea[]
        ) AS sent (host_pool_id, pool_id, report)
      ), left_behind AS (
        SELECT kept.pool_id FROM reported_pools AS kept JOIN sent USING (host_pool_id)
        WHERE kept.node_id = ${nodeId} AND kept.pool_id IS NOT NULL
          AND kept.pool_id IS DISTINCT FROM sent.pool_id
      ), statuses AS (
        DELETE FROM pool_host_statuses AS status USING left_behind
        WHERE status.node_id = ${nodeId} AND status.pool_id = left_behind.pool_id
      ), kept AS (
        INSERT INTO reported_pools AS kept (node_id, host_pool_id, pool_id, report)
        SELECT ${nodeId}, host_pool_id, pool_id, report FROM sent
        ON CONFLICT (node_id, host_pool_id) DO UPDATE
        SET pool_id = excluded.pool_id, report = excluded.report
        WHERE (kept.pool_id, kept.report) IS DISTINCT FROM (excluded.pool_id, excluded.report)
      )
      SELECT pool_id FROM left_behind`.execute(db);
    touched.push(...left.map(({ poolId }) => poolId));
    const statuses = new Map(
      fit.flatMap((pool) => {
        const id = idOf.get(pool.id);
        return id === undefined ? [] : [[id, pool] as const];
      }),
    );
    const pools = [...statuses.values()];
    await sql`
      INSERT INTO pool_host_statuses AS kept
        (pool_id, node_id, health, mount_path, problem, total_bytes, used_bytes, available_bytes, reported_at)
      SELECT pool_id, ${nodeId}, health, mount_path, problem, total_bytes, used_bytes, available_bytes, ${now}
      FROM unnest(
        ${[...statuses.keys()]}::uuid[],
        ${pools.map(({ health }) => health)}::text[],
        ${pools.map(({ mountPath }) => mountPath)}::text[],
        ${pools.map(({ problem }) => problem)}::text[],
        ${pools.map(({ sizes }) => sizes.totalBytes)}::bigint[],
        ${pools.map(({ sizes }) => sizes.usedBytes)}::bigint[],
        ${pools.map(({ sizes }) => sizes.availableBytes)}::bigint[]
      ) AS sent (pool_id, health, mount_path, problem, total_bytes, used_bytes, available_bytes)
      ON CONFLICT (pool_id, node_id) DO UPDATE
      SET health = excluded.health, mount_path = excluded.mount_path, problem = excluded.problem,
        total_bytes = excluded.total_bytes, used_bytes = excluded.used_bytes,
        available_bytes = excluded.available_bytes, reported_at = excluded.reported_at
      WHERE (kept.health, kept.mount_path, kept.problem, kept.total_bytes, kept.used_bytes, kept.available_bytes)
        IS DISTINCT FROM (excluded.health, excluded.mount_path, excluded.problem, excluded.total_bytes,
          excluded.used_bytes, excluded.available_bytes)`.execute(db);
  }
  await summarizePools(db, touched);
  return discovered;
}

/** Finds the pools that a node's reports belong to; unknown ones are recorded as discovered and unmanaged. */
async function findPools(
  db: Executor,
  nodeId: string,
  fit: readonly ReportedPool[],
): Promise<{ id: string; hostPoolId: string; isNew: boolean }[]> {
  const { rows } = await sql<{ isNew: boolean; id: string; hostPoolId: string }>`
    WITH sent AS (
      SELECT * FROM unnest(
        ${fit.map(({ id }) => id)}::text[],
        ${fit.map(({ name }) => name)}::text[],
        ${fit.map(({ poolType }) => poolType)}::text[],
        ${fit.map(({ isShared }) => (isShared ? null : nodeId))}::uuid[],
        ${fit.map(({ assignedId }) => assignedId.replaceAll('\0', ''))}::text[]
      ) AS sent (host_pool_id, name, pool_type, host_node_id, assigned_id)
    ), assigned AS (
      SELECT pool.id, sent.host_pool_id FROM sent JOIN storage_pools AS pool ON pool.id::text = sent.assigned_id
    ), discovered AS (
      INSERT INTO storage_pools (name, pool_type, phase, origin, is_managed, host_pool_id, host_node_id)
      SELECT name, pool_type, 'READY', 'host-discovered', false, host_pool_id, host_node_id FROM sent
      WHERE NOT EXISTS (SELECT FROM assigned WHERE assigned.host_pool_id = sent.host_pool_id)
      ON CONFLICT (host_pool_id, host_node_id) WHERE host_pool_id IS NOT NULL DO NOTHING
      RETURNING id, host_pool_id
    )
    SELECT id, host_pool_id, false AS is_new FROM assigned
    UNION ALL SELECT id, host_pool_id, true FROM discovered
    UNION ALL
    SELECT pool.id, sent.host_pool_id, false FROM storage_pools AS pool
    JOIN sent ON pool.host_pool_id = sent.host_pool_id
      AND pool.host_node_id IS NOT DISTINCT FROM sent.host_node_id
    WHERE NOT EXISTS (SELECT FROM assigned WHERE assigned.host_pool_id = sent.host_pool_id)`.execute(
    db,
  );
  return rows;
}

/** Records the reported volumes of a node's pools; pools without reported volumes are marked as not listed. */
export async function recordVolumes(
  db: Executor,
  nodeId: string,
  volumes: readonly ReportedVolumes[],
): Promise<void> {
  await sql`
    UPDATE reported_pools AS kept SET volumes = sent.volumes, volumes_sha256 = coalesce(sent.sha256, '')
    FROM reported_pools AS pool
    LEFT JOIN unnest(
      ${volumes.map(({ poolId }) => poolId)}::text[],
      ${volumes.map((one) => Buffer.from(one.volumes))}::bytea[],
      ${volumes.map(({ sha256 }) => sha256)}::text[]
    ) AS sent (host_pool_id, volumes, sha256) ON sent.host_pool_id = pool.host_pool_id
    WHERE pool.node_id = ${nodeId} AND kept.node_id = ${nodeId} AND kept.host_pool_id = pool.host_pool_id
      AND kept.volumes_sha256 IS DISTINCT FROM coalesce(sent.sha256, '')`.execute(db);
}

/** Records the sizes of pools on nodes, from heartbeats. Unchanged rows are not written. */
export async function recordPoolSizes(
  db: Executor,
  sizes: readonly (Sizes & { nodeId: string; hostPoolId: string })[],
  now: Date,
): Promise<void> {
  if (sizes.length === 0) return;
  const { rows } = await sql<{ poolId: string }>`
    UPDATE pool_host_statuses AS status
    SET total_bytes = sent.total_bytes, used_bytes = sent.used_bytes,
      available_bytes = sent.available_bytes, reported_at = ${now}
    FROM unnest(
      ${sizes.map(({ nodeId }) => nodeId)}::uuid[],
      ${sizes.map(({ hostPoolId }) => hostPoolId)}::text[],
      ${sizes.map(({ totalBytes }) => totalBytes)}::bigint[],
      ${sizes.map(({ usedBytes }) => usedBytes)}::bigint[],
      ${sizes.map(({ availableBytes }) => availableBytes)}::bigint[]
    ) AS sent (node_id, host_pool_id, total_bytes, used_bytes, available_bytes)
    JOIN reported_pools AS pool USING (node_id, host_pool_id)
    WHERE status.node_id = pool.node_id AND status.pool_id = pool.pool_id
      AND (status.total_bytes, status.used_bytes, status.available_bytes)
        IS DISTINCT FROM (sent.total_bytes, sent.used_bytes, sent.available_bytes)
    RETURNING status.pool_id`.execute(db);
  await summarizePools(
    db,
    rows.map(({ poolId }) => poolId),
  );
}

/**
 * Derives the state of pools from their states on hosts: the size is taken from one host that can use the pool, since
 * hosts that share a pool see the same size. A discovered pool that no host has and that contains no volumes is
 * removed.
 */
export async function summarizePools(db: Executor, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  // Hosts that share a pool often report its failure at the same moment. One transaction at a time derives the state, in
  // a later statement than this one: it sees what the others have committed. Reports on several pools lock them in the
  // same order.
  await sql`
    SELECT FROM storage_pools WHERE id = ANY (${ids}::uuid[]) ORDER BY id FOR NO KEY UPDATE`.execute(
    db,
  );
  // A pool is skipped while another transaction records that its host has it.
  await sql`
    DELETE FROM storage_pools WHERE id IN (
      SELECT id FROM storage_pools AS pool
      WHERE id = ANY (${ids}::uuid[]) AND NOT is_managed
        AND NOT EXISTS (SELECT FROM pool_host_statuses WHERE pool_id = pool.id)
        AND NOT EXISTS (SELECT FROM volumes WHERE pool_id = pool.id)
      FOR UPDATE SKIP LOCKED)`.execute(db);
  await sql`
    UPDATE storage_pools AS pool
    SET capacity_bytes = size.total_bytes, used_bytes = size.used_bytes, available_bytes = size.available_bytes,
      phase = CASE WHEN pool.phase = 'DELETING' THEN pool.phase ELSE size.phase END
    FROM (
      SELECT one.id, best.total_bytes, best.used_bytes, best.available_bytes,
        CASE WHEN hosts.usable = 0 THEN 'ERROR' WHEN hosts.healthy < hosts.hosts THEN 'DEGRADED' ELSE 'READY' END AS phase
      FROM unnest(${ids}::uuid[]) AS one (id)
      CROSS JOIN LATERAL (
        SELECT count(*) AS hosts, count(*) FILTER (WHERE health = 'HEALTHY') AS healthy,
          count(*) FILTER (WHERE health IN ('HEALTHY', 'DEGRADED')) AS usable
        FROM pool_host_statuses WHERE pool_id = one.id
      ) AS hosts
      LEFT JOIN LATERAL (
        SELECT total_bytes, used_bytes, available_bytes FROM pool_host_statuses
        WHERE pool_id = one.id AND health IN ('HEALTHY', 'DEGRADED') AND total_bytes IS NOT NULL
        ORDER BY health DESC, node_id LIMIT 1
      ) AS best ON true
    ) AS size
    WHERE pool.id = size.id
      AND (pool.capacity_bytes, pool.used_bytes, pool.available_bytes, pool.phase) IS DISTINCT FROM
        (size.total_bytes, size.used_bytes, size.available_bytes,
          CASE WHEN pool.phase = 'DELETING' THEN pool.phase ELSE size.phase END)`.execute(db);
}
