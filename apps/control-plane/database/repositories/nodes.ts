import { type Kysely, sql } from 'kysely';
import type { Executor } from '../database.ts';
import { explainRefusal } from '../refusal.ts';
import { findRow, listRows, type Row, removeRow, updateRow } from '../rows.ts';
import type { DB } from '../schema.ts';
import type { ValueOf } from '../values.ts';
import { enterAudit } from './audit-log.ts';
import { expectEpoch, type Leadership } from './leadership.ts';

export type Node = Row<'nodes'>;
export type NodePhase = ValueOf<'nodes_phase'>;

/** What a host states about itself when it becomes a node. */
export interface NodeRegistration {
  /** Derived from its public key. */
  readonly id: string;
  readonly hostname: string;
  readonly managementIp: string | null;
  readonly spec: object;
}

/** One heartbeat, as it is stored. */
export interface Heartbeat {
  readonly nodeId: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly receivedAt: Date;
  /** Messages HostLoad, HostHealth, Hypervisor and Version of the agents' protocol. */
  readonly load: object;
  readonly health: object;
  readonly hypervisor: object;
  readonly version: object;
  /** The host's clock minus the control plane's, in milliseconds; null if the host did not send its time. */
  readonly clockOffsetMs: number | null;
  /** Versions of the CA certificates and endpoints that the host has stored. */
  readonly trustBundleVersion: number;
  readonly endpointsVersion: number;
  /** Whether the heartbeat comes from the same boot of the machine as the last full state. */
  readonly isOfKnownBoot: boolean;
}

export const findNode = (db: Executor, id: string) => findRow(db, 'nodes', id);

/** Lists nodes, oldest first. @param phase only those in this phase */
export function listNodes(db: Executor, { phase }: { phase?: NodePhase } = {}): Promise<Node[]> {
  return listRows(db, 'nodes', phase === undefined ? undefined : sql`phase = ${phase}`);
}

/**
 * Records a host as a node. A known node keeps its phase and labels: registering again does not undo an administrator's
 * decisions.
 * @throws RefusedChangeError if a value is invalid
 */
export async function registerNode(db: Executor, node: NodeRegistration): Promise<Node> {
  const { id, hostname, managementIp, spec } = node;
  await explainRefusal(
    sql`
      INSERT INTO nodes (id, hostname, management_ip, spec, phase)
      VALUES (${id}, ${hostname}, ${managementIp}, ${spec}, 'PENDING')
      ON CONFLICT (id) DO UPDATE
      SET hostname = excluded.hostname, management_ip = excluded.management_ip, spec = excluded.spec
      WHERE (nodes.hostname, nodes.management_ip, nodes.spec)
        IS DISTINCT FROM (excluded.hostname, excluded.management_ip, excluded.spec)`.execute(db),
  );
  return (await findNode(db, id))!;
}

/** Updates the host name and address that a host reports. Writes nothing if both are unchanged. */
export function updateNodeIdentity(
  db: Executor,
  id: string,
  identity: { hostname: string; managementIp: string | null },
): Promise<Node | undefined> {
  return updateRow(db, 'nodes', id, identity);
}

export function setNodePhase(
  db: Executor,
  id: string,
  phase: NodePhase,
): Promise<Node | undefined> {
  return updateRow(db, 'nodes', id, { phase });
}

/** Gives a node that is in MAINTENANCE another phase. */
export async function endMaintenance(db: Executor, id: string, phase: NodePhase): Promise<void> {
  await sql`
    UPDATE nodes SET phase = ${phase} WHERE id = ${id} AND phase = 'MAINTENANCE'`.execute(db);
}

export function setNodeLabels(
  db: Executor,
  id: string,
  labels: Readonly<Record<string, string>>,
): Promise<Node | undefined> {
  return updateRow(db, 'nodes', id, { labels });
}

/** Requests a node's full state with the answer to its next heartbeat, and records the request in the audit log. */
export async function wantFullState(
  db: Kysely<DB>,
  id: string,
  { by, now }: { by: string; now: Date },
): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    await updateRow(transaction, 'nodes', id, { fullStateWantedAt: now });
    const resource = { resourceType: 'node', resourceId: id };
    await enterAudit(transaction, { action: 'node.resync', username: by, ...resource });
  });
}

export const removeNode = (db: Executor, id: string) => removeRow(db, 'nodes', id);

/**
 * Records many heartbeats as the leader, in one statement, also outside of a transaction. Heartbeats that are older
 * than the recorded one, by epoch and sequence, and those of unknown nodes are skipped. The commit does not wait for
 * the disk: if a crash loses a heartbeat, the next one follows soon.
 * @param epoch of the leader
 * @throws FencedError if another program has become the leader; nothing is written then
 */
export async function recordHeartbeats(
  db: Executor,
  heartbeats: readonly Heartbeat[],
  epoch: number,
): Promise<void> {
  const { rows } = await sql<Leadership>`
    WITH leader AS MATERIALIZED (
      SELECT epoch, holder, set_config('synchronous_commit', 'off', true) FROM leadership FOR SHARE
    ), recorded AS (
      INSERT INTO node_heartbeats AS kept (node_id, epoch, sequence, received_at, load, health, hypervisor, version,
        clock_offset_ms, trust_bundle_version, endpoints_version, boot_heard_at)
      SELECT node.id, sent.epoch, sent.sequence, sent.received_at, sent.load::jsonb, sent.health::jsonb,
        sent.hypervisor::jsonb, sent.version::jsonb, sent.clock_offset_ms, sent.trust, sent.endpoints,
        CASE WHEN sent.is_of_known_boot THEN sent.received_at END
      FROM unnest(
        ${heartbeats.map(({ nodeId }) => nodeId)}::uuid[],
        ${heartbeats.map(({ epoch }) => epoch)}::bigint[],
        ${heartbeats.map(({ sequence }) => sequence)}::bigint[],
        ${heartbeats.map(({ receivedAt }) => receivedAt)}::timestamptz[],
        ${heartbeats.map(({ load }) => JSON.stringify(load))}::text[],
        ${heartbeats.map(({ health }) => JSON.stringify(health))}::text[],
        ${heartbeats.map(({ hypervisor }) => JSON.stringify(hypervisor))}::text[],
        ${heartbeats.map(({ version }) => JSON.stringify(version))}::text[],
        ${heartbeats.map(({ clockOffsetMs }) => clockOffsetMs)}::bigint[],
        ${heartbeats.map(({ trustBundleVersion }) => trustBundleVersion)}::bigint[],
        ${heartbeats.map(({ endpointsVersion }) => endpointsVersion)}::bigint[],
        ${heartbeats.map(({ isOfKnownBoot }) => isOfKnownBoot)}::boolean[]
      ) AS sent (node_id, epoch, sequence, received_at, load, health, hypervisor, version, clock_offset_ms, trust,
        endpoints, is_of_known_boot)
      JOIN nodes AS node ON node.id = sent.node_id
      JOIN leader ON leader.epoch = ${epoch}
      ON CONFLICT (node_id) DO UPDATE
      SET epoch = excluded.epoch, sequence = excluded.sequence, received_at = excluded.received_at,
        load = excluded.load, health = excluded.health, hypervisor = excluded.hypervisor, version = excluded.version,
        clock_offset_ms = excluded.clock_offset_ms, trust_bundle_version = excluded.trust_bundle_version,
        endpoints_version = excluded.endpoints_version,
        boot_heard_at = coalesce(excluded.boot_heard_at, kept.boot_heard_at)
      WHERE (kept.epoch, kept.sequence) < (excluded.epoch, excluded.sequence)
    )
    SELECT epoch, holder FROM leader`.execute(db);
  expectEpoch(rows[0]!, epoch);
}

/**
 * Lists the nodes that have sent a heartbeat, and whether each has reported that it has stored this version of the list
 * of endpoints, or a newer one.
 */
export async function readAwareness(
  db: Executor,
  version: bigint,
): Promise<{ id: string; isAware: boolean }[]> {
  const rows = await db
    .selectFrom('nodeHeartbeats')
    .select(['nodeId', 'endpointsVersion'])
    .execute();
  return rows.map(({ nodeId, endpointsVersion }) => ({
    id: nodeId,
    isAware: BigInt(endpointsVersion) >= version,
  }));
}

/** Reads the last heartbeat of a node; `undefined` if there was none. */
export async function readLastHeartbeat(
  db: Executor,
  nodeId: string,
): Promise<Row<'nodeHeartbeats'> | undefined> {
  return await db
    .selectFrom('nodeHeartbeats')
    .selectAll()
    .where('nodeId', '=', nodeId)
    .executeTakeFirst();
}

/** Whether a node is a member, has departed, or is unknown. */
export type Standing = 'member' | 'departed' | 'unknown';

/** Reads the standing of a node: after it was deleted or has left, it is departed until a join token readmits it. */
export async function readStanding(db: Executor, id: string): Promise<Standing> {
  const { rows } = await sql<{ standing: Standing }>`
    SELECT CASE
      WHEN EXISTS (SELECT FROM departed_nodes WHERE node_id = ${id}) THEN 'departed'
      WHEN EXISTS (SELECT FROM nodes WHERE id = ${id}) THEN 'member'
      ELSE 'unknown' END AS standing`.execute(db);
  return rows[0]!.standing;
}

/** Values of a node that are read again while its stream of commands is open. */
export interface Wanted {
  readonly standing: Standing;
  /** Since when a full state is requested from the node; null if none is requested. */
  readonly fullStateWantedAt: Date | null;
  /** Whether it has tasks whose end was not reported. */
  readonly hasTasks: boolean;
}

/** Reads the standing of nodes, and whether a full state or the end of tasks is expected from them, by id. */
export async function readWanted(
  db: Executor,
  nodeIds: readonly string[],
): Promise<Map<string, Wanted>> {
  const { rows } = await sql<Wanted & { id: string }>`
    SELECT asked.id, CASE WHEN gone.node_id IS NOT NULL THEN 'departed' WHEN node.id IS NULL THEN 'unknown'
        ELSE 'member' END AS standing,
      node.full_state_wanted_at,
      EXISTS (SELECT FROM tasks WHERE tasks.node_id = asked.id AND finished_at IS NULL) AS has_tasks
    FROM unnest(${nodeIds}::uuid[]) AS asked (id)
    LEFT JOIN nodes AS node ON node.id = asked.id
    LEFT JOIN departed_nodes AS gone ON gone.node_id = asked.id`.execute(db);
  return new Map(rows.map((row) => [row.id, row]));
}

/**
 * Adopts a node without a record, for example after a restore: its key is accepted, and its full state supplies the
 * rest. Until then, its host name is its id. The audit log gets an entry.
 * @returns its previous standing; only an unknown node is changed
 */
export async function adoptNode(
  db: Kysely<DB>,
  id: string,
  { by }: { by: string },
): Promise<Standing> {
  return await db.transaction().execute(async (transaction) => {
    const standing = await readStanding(transaction, id);
    if (standing !== 'unknown') return standing;
    await registerNode(transaction, { id, hostname: id, managementIp: null, spec: {} });
    const resource = { resourceType: 'node', resourceId: id };
    await enterAudit(transaction, { action: 'node.adopt', username: by, ...resource });
    return standing;
  });
}
