import { create } from '@bufbuild/protobuf';
import { type Kysely, sql, type Transaction } from 'kysely';
import type { FleetRollout } from '../../../api/fleet.ts';
import { UpdateHostSchema } from '../../../proto/gen/quantix/v1/task_pb.js';
import { HEARTBEAT_INTERVAL, MISSED_HEARTBEATS } from '../../heartbeat-times.ts';
import {
  type Decision,
  decideNextStep,
  describeFailure,
  fitOf,
  type MadeFor,
} from '../../updates/decide.ts';
import type { PinnedRelease } from '../../updates/tree.ts';
import type { Executor } from '../database.ts';
import { insertRow, type Row } from '../rows.ts';
import type { DB } from '../schema.ts';
import { raiseAlert } from './alerts.ts';
import { enterAudit, holdAudit } from './audit-log.ts';
import { enterTask } from './tasks.ts';

export type RolloutRow = Row<'updateRollouts'>;

/** Milliseconds that a host has for its update: a download over a slow line, a restart, and minutes on trial. */
const UPDATE_LASTS = 6 * 60 * 60 * 1000;

/** Milliseconds since its last heartbeat for which a host counts as reachable. */
const HEARD_LASTS = MISSED_HEARTBEATS * HEARTBEAT_INTERVAL * 1000;

/** Number of newest roll-outs that are shown. */
const MOST = 20;

/** Title of the alert about a roll-out that was paused because of a host. */
const STOPPED = 'A roll-out of an update is paused';

/** Values of a new roll-out. */
export interface RolloutStart {
  readonly release: PinnedRelease & { readonly version: string; readonly base: string };
  readonly percentage: number;
  readonly atOnce: number;
  readonly by: string;
  readonly now: Date;
}

/**
 * Starts a roll-out to all member hosts; hosts of another architecture or base are left out. A paused roll-out of the
 * same product and architecture without a host under way is ended.
 * @returns its id; undefined if another one is under way
 */
export async function startRollout(
  db: Kysely<DB>,
  { release, percentage, atOnce, by, now }: RolloutStart,
): Promise<string | undefined> {
  const { product, channel, architecture, base, version, serial } = release;
  return await db.transaction().execute(async (transaction) => {
    const reason = `${version} took its place`;
    const { rows: ended } = await sql<{ id: string }>`
      UPDATE update_rollouts AS rollout SET state = 'ENDED', reason = ${reason}, finished_at = ${now}
      WHERE product = ${product} AND architecture = ${architecture} AND state = 'PAUSED' AND NOT EXISTS (
        SELECT FROM update_rollout_hosts WHERE rollout_id = rollout.id AND state = 'UNDER_WAY')
      RETURNING id`.execute(transaction);
    if (ended.length > 0) await holdAudit(transaction);
    for (const rollout of ended) await resolveStop(transaction, rollout.id, now);
    const { rows: others } = await sql`
      SELECT id FROM update_rollouts WHERE product = ${product} AND architecture = ${architecture}
        AND finished_at IS NULL`.execute(transaction);
    if (others.length > 0) return undefined;
    const { id } = await insertRow(transaction, 'updateRollouts', {
      ...{ product, channel, architecture, base, version, serial },
      ...{ percentage, atOnce, createdBy: by },
    });
    await sql`
      INSERT INTO update_rollout_hosts (rollout_id, node_id, position)
      SELECT ${id}, id, row_number() OVER (ORDER BY hostname, id) FROM nodes
      WHERE NOT EXISTS (SELECT FROM departed_nodes WHERE node_id = nodes.id)`.execute(transaction);
    const rollout = { ...release, percentage, atOnce, state: 'RUNNING', reason: '' } as const;
    const { leaveOut } = decideNextStep(rollout, await readHosts(transaction, [id], now));
    await leaveOutOthers(transaction, id, leaveOut, now);
    await audit(transaction, 'update.start', { id, by, version, percentage, atOnce });
    return id;
  });
}

/** Pauses a roll-out: no further host is updated. @returns whether it was running */
export async function pauseRollout(
  db: Kysely<DB>,
  id: string,
  { by }: { by: string },
): Promise<boolean> {
  return await db.transaction().execute(async (transaction) => {
    const { rows } = await sql`
      UPDATE update_rollouts SET state = 'PAUSED', reason = ${`${by} said so`}
      WHERE id = ${id} AND state = 'RUNNING' RETURNING id`.execute(transaction);
    if (rows.length > 0) await audit(transaction, 'update.pause', { id, by });
    return rows.length > 0;
  });
}

/**
 * Resumes a roll-out, with another percentage if one is given. Hosts that failed are tried again first, or left out if
 * `skipFailed`.
 * @returns whether it was paused
 */
export async function resumeRollout(
  db: Kysely<DB>,
  id: string,
  {
    by,
    percentage,
    skipFailed,
    now,
  }: { by: string; percentage?: number | undefined; skipFailed: boolean; now: Date },
): Promise<boolean> {
  return await db.transaction().execute(async (transaction) => {
    const { rows } = await sql`
      UPDATE update_rollouts SET state = 'RUNNING', reason = '', percentage = coalesce(${percentage ?? null}::integer, percentage)
      WHERE id = ${id} AND state = 'PAUSED' RETURNING id`.execute(transaction);
    if (rows.length === 0) return false;
    await (skipFailed
      ? sql`UPDATE update_rollout_hosts SET state = 'SKIPPED' WHERE rollout_id = ${id} AND state = 'FAILED'`
      : sql`
        UPDATE update_rollout_hosts SET state = 'WAITING', task_id = NULL, message = '', started_at = NULL, finished_at = NULL
        WHERE rollout_id = ${id} AND state = 'FAILED'`
    ).execute(transaction);
    await audit(transaction, 'update.resume', {
      id,
      by,
      skipFailed,
      percentage: percentage ?? null,
    });
    await resolveStop(transaction, id, now);
    return true;
  });
}

interface UnfinishedRow {
  readonly id: string;
  readonly product: string;
  readonly channel: string;
  readonly architecture: string;
  readonly base: string;
  readonly version: string;
  readonly serial: number;
  readonly percentage: number;
  readonly atOnce: number;
  readonly state: 'RUNNING' | 'PAUSED';
  readonly reason: string;
  readonly createdBy: string;
}

/** Records outcomes of hosts, and carries out the next step of each unfinished roll-out. Only the leader calls it. */
export async function advanceRollouts(transaction: Transaction<DB>, now: Date): Promise<void> {
  const { rows } = await sql<UnfinishedRow>`
    SELECT id, product, channel, architecture, base, version, serial, percentage, at_once, state, reason, created_by
    FROM update_rollouts WHERE finished_at IS NULL ORDER BY created_at FOR UPDATE`.execute(
    transaction,
  );
  // One roll-out may change alerts before the next one writes to the audit log.
  if (rows.length > 1) await holdAudit(transaction);
  for (const rollout of rows) await advance(transaction, rollout, now);
}

async function advance(
  transaction: Transaction<DB>,
  rollout: UnfinishedRow,
  now: Date,
): Promise<void> {
  const { id, version, channel, serial, createdBy } = rollout;
  const isNewFailure = await noteEnds(transaction, id, now);
  const hosts = await readHosts(transaction, [id], now);
  const { begin, leaveOut, state, reason } = decideNextStep(rollout, hosts);
  await leaveOutOthers(transaction, id, leaveOut, now);
  for (const nodeId of begin) {
    const value = create(UpdateHostSchema, { channel, serial: BigInt(serial), version });
    const task = await enterTask(transaction, {
      ...{ nodeId, requestedBy: createdBy, verb: { case: 'updateHost', value } },
      objectName: hosts.find((host) => host.nodeId === nodeId)?.hostname ?? nodeId,
      expiresAt: new Date(now.getTime() + UPDATE_LASTS),
    });
    await sql`
      UPDATE update_rollout_hosts SET state = 'UNDER_WAY', task_id = ${task.id}, started_at = ${now}
      WHERE rollout_id = ${id} AND node_id = ${nodeId}`.execute(transaction);
  }
  const isChanged = state !== rollout.state || reason !== rollout.reason;
  if (isChanged) {
    await sql`
      UPDATE update_rollouts SET state = ${state}, reason = ${reason},
        finished_at = ${state === 'DONE' ? now : null}::timestamptz
      WHERE id = ${id}`.execute(transaction);
  }
  if (state === 'DONE') await resolveStop(transaction, id, now);
  const failed = hosts.find((host) => host.state === 'FAILED');
  // A roll-out that an operator has paused keeps that reason when a host that was under way fails.
  if (failed === undefined || !(isChanged || isNewFailure)) return;
  const message = `${rollout.product} ${version}: ${describeFailure(failed)}`;
  await raiseAlert(transaction, {
    ...{ severity: 'WARNING', title: STOPPED, message },
    ...{ sourceType: 'CONTROL_PLANE', sourceName: id },
  });
}

/** Records ended tasks, and hosts that have left. @returns whether a host has failed */
async function noteEnds(transaction: Transaction<DB>, id: string, now: Date): Promise<boolean> {
  const { rows: ended } = await sql<{ state: string }>`
    UPDATE update_rollout_hosts AS host
    SET state = CASE WHEN task.state = 'DONE' THEN 'DONE' ELSE 'FAILED' END,
      message = coalesce(task.error_message, ''), finished_at = ${now}
    FROM tasks AS task
    WHERE host.rollout_id = ${id} AND host.state = 'UNDER_WAY' AND task.id = host.task_id
      AND task.finished_at IS NOT NULL
    RETURNING host.state`.execute(transaction);
  await sql`
    UPDATE update_rollout_hosts AS host SET state = 'SKIPPED', message = 'it has left', finished_at = ${now}
    WHERE rollout_id = ${id} AND state IN ('WAITING', 'UNDER_WAY', 'FAILED')
      AND EXISTS (SELECT FROM departed_nodes WHERE node_id = host.node_id)`.execute(transaction);
  const { rows: gone } = await sql`
    UPDATE update_rollout_hosts SET state = 'FAILED', message = 'its task no longer exists', finished_at = ${now}
    WHERE rollout_id = ${id} AND state = 'UNDER_WAY' AND task_id IS NULL
    RETURNING state`.execute(transaction);
  return gone.length > 0 || ended.some(({ state }) => state === 'FAILED');
}

/** Records that hosts are left out of a roll-out, each with the reason. */
async function leaveOutOthers(
  transaction: Transaction<DB>,
  id: string,
  others: Decision['leaveOut'],
  now: Date,
): Promise<void> {
  for (const { nodeId, why } of others) {
    await sql`
      UPDATE update_rollout_hosts SET state = 'SKIPPED', message = ${why}, finished_at = ${now}
      WHERE rollout_id = ${id} AND node_id = ${nodeId} AND state = 'WAITING'`.execute(transaction);
  }
}

interface HostRow {
  readonly rolloutId: string;
  readonly nodeId: string;
  readonly hostname: string;
  readonly state: FleetRollout['hosts'][number]['state'];
  readonly taskId: string | null;
  readonly message: string;
  readonly isHeard: boolean;
  readonly receivedAt: Date | null;
  readonly version: string | null;
  readonly architecture: string | null;
  readonly base: string | null;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly progress: number | null;
  readonly doing: string | null;
}

async function readHosts(db: Executor, ids: readonly string[], now: Date): Promise<HostRow[]> {
  const since = new Date(now.getTime() - HEARD_LASTS);
  const { rows } = await sql<HostRow>`
    SELECT host.rollout_id, host.node_id, node.hostname, host.state, host.task_id, host.message, host.started_at,
      host.finished_at, heartbeat.received_at, nullif(node.spec ->> 'productVersion', '') AS version,
      nullif(node.spec ->> 'architecture', '') AS architecture, nullif(node.spec ->> 'base', '') AS base,
      coalesce(node.phase NOT IN ('UNKNOWN', 'DISCONNECTED', 'PENDING') AND heartbeat.received_at > ${since}, false)
        AS is_heard,
      task.progress, task.message AS doing
    FROM update_rollout_hosts AS host JOIN nodes AS node ON node.id = host.node_id
    LEFT JOIN node_heartbeats AS heartbeat ON heartbeat.node_id = node.id
    LEFT JOIN tasks AS task ON task.id = host.task_id
    WHERE host.rollout_id = ANY (${ids}::uuid[]) ORDER BY host.position`.execute(db);
  return rows;
}

/** Reads roll-outs for operators, newest first. @param id only this one */
export async function readFleetRollouts(
  db: Executor,
  { now, id }: { now: Date; id?: string },
): Promise<FleetRollout[]> {
  const { rows } = await sql<RolloutRow & { state: FleetRollout['state'] }>`
    SELECT * FROM update_rollouts WHERE ${id ?? null}::uuid IS NULL OR id = ${id ?? null}::uuid
    ORDER BY created_at DESC, id LIMIT ${MOST}`.execute(db);
  const ids = rows.map((row) => row.id);
  const hosts = Map.groupBy(await readHosts(db, ids, now), ({ rolloutId }) => rolloutId);
  return rows.map(({ createdAt, finishedAt, ...row }) => ({
    ...row,
    createdAt: createdAt.toISOString(),
    finishedAt: finishedAt?.toISOString() ?? null,
    hosts: (hosts.get(row.id) ?? []).map((host) => ({
      ...{ nodeId: host.nodeId, node: host.hostname, state: host.state, taskId: host.taskId },
      ...{ version: host.version, lastHeard: host.receivedAt?.toISOString() ?? null },
      fit: fitOf(row, host).is,
      progress: host.state === 'UNDER_WAY' ? host.progress : null,
      message: wordsFor(row, host),
      startedAt: host.startedAt?.toISOString() ?? null,
      finishedAt: host.finishedAt?.toISOString() ?? null,
    })),
  }));
}

/** Returns the text shown for a host: what it is doing, why it failed or was left out, or what is unknown about it. */
function wordsFor(release: MadeFor, host: HostRow): string {
  if (host.state === 'UNDER_WAY') return host.doing ?? '';
  const fit = fitOf(release, host);
  return host.state === 'WAITING' && fit.is === 'UNKNOWN' ? fit.why : host.message;
}

/** Returns the releases of unfinished roll-outs. */
export async function readPinned(db: Executor): Promise<PinnedRelease[]> {
  const { rows } = await sql<PinnedRelease>`
    SELECT product, channel, architecture, serial FROM update_rollouts WHERE finished_at IS NULL`.execute(
    db,
  );
  return rows;
}

async function resolveStop(transaction: Transaction<DB>, id: string, now: Date): Promise<void> {
  await sql`
    UPDATE alerts SET resolved_at = ${now}
    WHERE title = ${STOPPED} AND source_name = ${id} AND resolved_at IS NULL`.execute(transaction);
}

async function audit(
  transaction: Transaction<DB>,
  action: string,
  {
    id,
    by,
    ...details
  }: { id: string; by: string } & Record<string, string | number | boolean | null>,
): Promise<void> {
  await enterAudit(transaction, {
    ...{ action, username: by, resourceType: 'rollout', resourceId: id, details },
  });
}
