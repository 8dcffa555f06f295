import { type RawBuilder, sql } from 'kysely';
import {
  type FleetNode,
  type FleetPool,
  type FleetTask,
  type FleetToken,
  type FleetVm,
  fleetTaskSchema,
} from '../../../api/fleet.ts';
import { HEARTBEAT_INTERVAL, MISSED_HEARTBEATS } from '../../heartbeat-times.ts';
import type { Executor } from '../database.ts';
import { explainRefusal } from '../refusal.ts';
import { type JoinToken, type JoinTokenUse, listJoinTokens } from './join-tokens.ts';
import { listTasks, type TaskRow } from './tasks.ts';

/** Milliseconds for which a node's report counts as current. */
const HEARD_LASTS = MISSED_HEARTBEATS * HEARTBEAT_INTERVAL * 1000;

/** Phases in which a node's last report may be outdated, however recent. */
const UNHEARD_PHASES: readonly string[] = ['UNKNOWN', 'DISCONNECTED'];

interface Heard {
  readonly phase: string | null;
  readonly receivedAt: Date | null;
}

function isHeard({ phase, receivedAt }: Heard, now: Date): boolean {
  if (receivedAt === null || phase === null || UNHEARD_PHASES.includes(phase)) return false;
  return now.getTime() - receivedAt.getTime() < HEARD_LASTS;
}

/** Selects nodes. */
export interface NodeChoice {
  readonly now: Date;
  readonly id?: string;
  readonly phase?: string | undefined;
  /** Prefix of their host names. */
  readonly name?: string | undefined;
  readonly after?: Order['after'];
  readonly limit?: number;
}

/** Reads nodes for operators, sorted by host name. */
export async function readFleetNodes(
  db: Executor,
  { now, id, phase, name, after, limit }: NodeChoice,
): Promise<FleetNode[]> {
  const conditions = [
    onlyId(id, sql`node.id`),
    onlyId(phase, sql`node.phase`),
    name === undefined ? sql`true` : sql`starts_with(node.hostname, ${name})`,
    beyond({ sorted: sql`node.hostname`, id: sql`node.id` }, { descending: false, after }),
  ];
  const { rows } = await sql<{
    id: string;
    hostname: string;
    address: string | null;
    addressSince: Date;
    phase: string;
    createdAt: Date;
    receivedAt: Date | null;
    leftAt: Date | null;
    vms: number;
  }>`
    SELECT node.id, node.hostname, host(management_ip) AS address, 
      coalesce(management_ip_changed_at, node.created_at) AS address_since, phase, node.created_at, received_at, departed_at AS left_at,
      (SELECT count(*) FROM virtual_machines WHERE node_id = node.id AND lost_at IS NULL) AS vms
    FROM nodes AS node LEFT JOIN node_heartbeats AS heartbeat ON heartbeat.node_id = node.id
    LEFT JOIN departed_nodes AS gone ON gone.node_id = node.id
    WHERE ${sql.join(conditions, sql` AND `)} ORDER BY node.hostname, node.id LIMIT ${limit ?? null}`.execute(
    db,
  );
  return rows.map((row) => ({
    ...{ id: row.id, hostname: row.hostname, phase: row.phase, vms: row.vms },
    managementAddress: row.address,
    addressSince: row.address === null ? null : row.addressSince.toISOString(),
    lastHeard: iso(row.receivedAt),
    isHeard: isHeard(row, now),
    joinedAt: row.createdAt.toISOString(),
    leftAt: iso(row.leftAt),
  }));
}

/** The order of a list. */
export interface Order {
  readonly descending: boolean;
  /** Only rows after the one with this sort key and id. */
  readonly after: { readonly key: string; readonly id: string } | undefined;
}

/** Fields that a list of virtual machines can be sorted by; each has an index. */
export const VM_ORDERS = ['name', 'createdAt'] as const;

/** Selects virtual machines. */
export interface VmChoice {
  readonly now: Date;
  readonly id?: string;
  readonly nodeId?: string | undefined;
  readonly powerState?: string | undefined;
  /** Prefix of their names. */
  readonly name?: string | undefined;
  readonly order?: Order & { readonly by: (typeof VM_ORDERS)[number] };
  readonly limit: number;
}

/** A virtual machine in a list, with its sort key. */
export type ListedVm = FleetVm & { readonly key: string };

/** Reads virtual machines for operators, sorted by name by default. */
export async function readFleetVms(db: Executor, choice: VmChoice): Promise<FleetVm[]> {
  return (await listFleetVms(db, choice)).map(({ key: _key, ...vm }) => vm);
}

/** The largest code point, which sorts after every continuation of a name: the database sorts by code points. */
const LAST_CHARACTER = String.fromCodePoint(0x10ffff);

/** Reads virtual machines as `readFleetVms` does, with their sort keys. */
export async function listFleetVms(db: Executor, choice: VmChoice): Promise<ListedVm[]> {
  const { now, id, nodeId, powerState, name, limit } = choice;
  const { order = { by: 'name', descending: false, after: undefined } } = choice;
  const { by, descending } = order;
  const sorted = by === 'name' ? sql`vm.name` : sql`vm.created_at`;
  const conditions = [
    onlyId(id, sql`vm.id`),
    onlyId(nodeId, sql`vm.node_id`),
    onlyId(powerState, sql`vm.power_state`),
    name === undefined
      ? sql`true`
      : sql`vm.name >= ${name} AND vm.name <= ${`${name}${LAST_CHARACTER}`}`,
    beyond({ sorted, id: sql`vm.id` }, order),
  ];
  const query = sql<{
    id: string;
    name: string;
    nodeId: string | null;
    hostname: string | null;
    powerState: string;
    isManaged: boolean;
    lastSeen: Date | null;
    lostReason: string | null;
    lostAt: Date | null;
    phase: string | null;
    receivedAt: Date | null;
    key: string;
  }>`
    SELECT vm.id, vm.name, vm.node_id, hostname, power_state, is_managed, last_seen, lost_reason, lost_at, phase, received_at,
      ${sorted}::text AS key
    FROM virtual_machines AS vm
    LEFT JOIN nodes AS node ON node.id = vm.node_id
    LEFT JOIN node_heartbeats AS heartbeat ON heartbeat.node_id = vm.node_id
    WHERE ${sql.join(conditions, sql` AND `)}
    ORDER BY ${sorted} ${direction(descending)}, vm.id ${direction(descending)} LIMIT ${limit}`;
  const { rows } = await explainRefusal(query.execute(db));
  return rows.map((row) => {
    const { known, asOf } = standingOf(row, now);
    return {
      ...{ id: row.id, name: row.name, nodeId: row.nodeId, node: row.hostname },
      ...{ powerState: row.powerState, known, asOf: iso(asOf) },
      ...{ isManaged: row.isManaged, lostReason: row.lostReason, key: row.key },
    };
  });
}

/**
 * Returns how current the recorded power state of a virtual machine is. While its node reports, it is as current as the
 * last report.
 */
function standingOf(
  row: Heard & { lastSeen: Date | null; lostAt: Date | null },
  now: Date,
): { known: FleetVm['known']; asOf: Date | null } {
  if (row.lostAt !== null) return { known: 'lost', asOf: row.lostAt };
  if (row.lastSeen === null) return { known: 'never', asOf: null };
  const heard = row.receivedAt ?? row.lastSeen;
  const asOf = new Date(Math.max(heard.getTime(), row.lastSeen.getTime()));
  return { known: isHeard(row, now) ? 'now' : 'last-seen', asOf };
}

/** Reads storage pools for operators, sorted by name. @param id only this pool */
export async function readFleetPools(
  db: Executor,
  { now, id }: { now: Date; id?: string },
): Promise<FleetPool[]> {
  const { rows: pools } = await sql<{
    id: string;
    name: string;
    poolType: string;
    phase: string;
    isManaged: boolean;
  }>`
    SELECT id, name, pool_type, phase, is_managed FROM storage_pools
    WHERE ${onlyId(id, sql`id`)} ORDER BY name, id`.execute(db);
  const { rows: statuses } = await sql<{
    poolId: string;
    nodeId: string;
    hostname: string;
    phase: string;
    receivedAt: Date | null;
    health: string;
    mountPath: string;
    problem: string;
    totalBytes: number | null;
    usedBytes: number | null;
    availableBytes: number | null;
  }>`
    SELECT pool_id, status.node_id, hostname, phase, received_at, status.health, mount_path, problem,
      total_bytes, used_bytes, available_bytes
    FROM pool_host_statuses AS status JOIN nodes AS node ON node.id = status.node_id
    LEFT JOIN node_heartbeats AS heartbeat ON heartbeat.node_id = status.node_id
    WHERE ${onlyId(id, sql`pool_id`)} ORDER BY hostname, status.node_id`.execute(db);
  const byPool = Map.groupBy(statuses, ({ poolId }) => poolId);
  return pools.map(({ poolType: type, ...pool }) => ({
    ...pool,
    type,
    hosts: (byPool.get(pool.id) ?? []).map(
      ({ poolId: _pool, hostname: node, phase, receivedAt, ...rest }) => ({
        ...rest,
        node,
        isHeard: isHeard({ phase, receivedAt }, now),
        lastHeard: iso(receivedAt),
      }),
    ),
  }));
}

/** Selects tasks. */
export interface TaskChoice {
  readonly nodeId?: string | undefined;
  readonly objectId?: string | undefined;
  readonly state?: FleetTask['state'] | undefined;
  readonly after?: Order['after'];
  readonly limit: number;
}

/** Reads tasks for operators, newest first, with their sort keys. */
export async function listFleetTasks(
  db: Executor,
  { nodeId, objectId, state, after, limit }: TaskChoice,
): Promise<(FleetTask & { readonly key: string })[]> {
  const conditions = [
    onlyId(nodeId, sql`node_id`),
    onlyId(objectId, sql`object_id`),
    onlyId(state, sql`state`),
    beyond({ sorted: sql`created_at`, id: sql`id` }, { descending: true, after }),
  ];
  const query = sql<TaskRow & { key: string }>`
    SELECT *, created_at::text AS key FROM tasks WHERE ${sql.join(conditions, sql` AND `)}
    ORDER BY created_at DESC, id DESC LIMIT ${limit}`;
  const { rows } = await explainRefusal(query.execute(db));
  const tasks = await withNodes(db, rows);
  return tasks.map((task, index) => ({ ...task, key: rows[index]?.key ?? '' }));
}

/** Reads tasks for operators, newest first. */
export async function readFleetTasks(
  db: Executor,
  choice: Parameters<typeof listTasks>[1],
): Promise<FleetTask[]> {
  return await withNodes(db, await listTasks(db, choice));
}

/** Converts task rows for operators, with the host names of their nodes. */
export async function withNodes(db: Executor, tasks: readonly TaskRow[]): Promise<FleetTask[]> {
  const ids = [...new Set(tasks.map(({ nodeId }) => nodeId))];
  const { rows } = await sql<{ id: string; hostname: string }>`
    SELECT id, hostname FROM nodes WHERE id = ANY (${ids}::uuid[])`.execute(db);
  const names = new Map(rows.map(({ id, hostname }) => [id, hostname]));
  return tasks.map((row) => ({
    ...{ id: row.id, nodeId: row.nodeId, node: names.get(row.nodeId) ?? row.nodeId },
    ...{ verb: row.verb, objectType: row.objectType, objectId: row.objectId },
    state: fleetTaskSchema.shape.state.parse(row.state),
    ...{ progress: row.progress, message: row.message },
    error: row.errorCode === null ? null : { code: row.errorCode, message: row.errorMessage ?? '' },
    requestedBy: row.requestedBy,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
    sentAt: iso(row.sentAt),
    startedAt: iso(row.startedAt),
    finishedAt: iso(row.finishedAt),
    isCancelRequested: row.cancelRequestedAt !== null,
  }));
}

/** Reads join tokens for operators, oldest first. */
export async function readFleetTokens(db: Executor, now: Date): Promise<FleetToken[]> {
  return (await listJoinTokens(db)).map((token) => describeToken(token, now));
}

/** Converts a join token for operators. */
export function describeToken(
  token: JoinToken & { uses: readonly JoinTokenUse[] },
  now: Date,
): FleetToken {
  const { id, description, maxUses, createdBy, createdAt, expiresAt } = token;
  return {
    ...{ id, description, maxUses, createdBy, state: tokenState(token, now) },
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
    uses: token.uses.map(({ nodeId, hostname, address, firstUsedAt, lastUsedAt }) => ({
      ...{ nodeId, hostname, address },
      firstUsedAt: firstUsedAt.toISOString(),
      lastUsedAt: lastUsedAt.toISOString(),
    })),
  };
}

function tokenState(
  { revokedAt, expiresAt, maxUses, uses }: JoinToken & { uses: readonly JoinTokenUse[] },
  now: Date,
): FleetToken['state'] {
  if (revokedAt !== null) return 'revoked';
  if (expiresAt <= now) return 'expired';
  return uses.length >= maxUses ? 'used' : 'open';
}

function iso(date: Date | null): string | null {
  return date === null ? null : date.toISOString();
}

function direction(descending: boolean): RawBuilder<unknown> {
  return descending ? sql`DESC` : sql`ASC`;
}

/** Returns the condition for the rows after a row. It compares pairs, so that an index of both columns can be used. */
function beyond(
  column: { readonly sorted: RawBuilder<unknown>; readonly id: RawBuilder<unknown> },
  { descending, after }: Order,
): RawBuilder<unknown> {
  if (after === undefined) return sql`true`;
  const sign = descending ? sql`<` : sql`>`;
  return sql`(${column.sorted}, ${column.id}) ${sign} (${after.key}, ${after.id})`;
}

function onlyId(id: string | undefined, column: RawBuilder<unknown>): RawBuilder<unknown> {
  return id === undefined ? sql`true` : sql`${column} = ${id}`;
}
