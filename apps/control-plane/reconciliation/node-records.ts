import { sql, type Transaction } from 'kysely';
import { RefusalReason } from '../../proto/gen/quantix/v1/refusal_pb.js';
import type { Executor } from '../database/database.ts';
import type { NodePhase } from '../database/repositories/nodes.ts';
import type { DB } from '../database/schema.ts';
import { RefusedCallError } from './error.ts';
import type { KeptPosition } from './position.ts';

/** A recorded node, with the fields that its reports are compared with. */
export interface NodeRecord {
  readonly nodeId: string;
  readonly hostname: string;
  readonly managementIp: string | null;
  readonly phase: NodePhase;
  readonly isFullStateWanted: boolean;
  readonly state: KeptPosition | undefined;
  readonly heartbeat: KeptPosition | undefined;
  /** Hash for each `StateHash.form`, starting with form 0; empty before the first full state. */
  readonly vmsHashes: readonly string[];
  readonly poolsHashes: readonly string[];
  /** Identity of the machine that sent the last full state; empty if unknown. */
  readonly smbiosUuid: string;
  readonly serial: string;
  readonly bootId: string;
  /** When that machine was last heard from. */
  readonly bootHeardAt: Date | null;
  /** Time of its last heartbeat. */
  readonly heardAt: Date | null;
  /** Whether another boot has replaced the boot that was passed to `readNodes`. */
  readonly isFormerBoot: boolean;
}

interface Found {
  nodeId: string;
  hostname: string;
  managementIp: string | null;
  phase: NodePhase;
  departed: boolean;
  isFullStateWanted: boolean;
  stateEpoch: number | null;
  stateSequence: number | null;
  heartbeatEpoch: number | null;
  heartbeatSequence: number | null;
  vmsHashes: string[] | null;
  poolsHashes: string[] | null;
  smbiosUuid: string | null;
  serial: string | null;
  bootId: string | null;
  bootHeardAt: Date | null;
  heardAt: Date | null;
  isFormerBoot: boolean;
}

/**
 * Locks the reports of a node until the transaction ends. Its record must be read by a later statement: one that waits
 * for the lock goes on to read other tables as they were before its wait.
 */
export async function lockNode(transaction: Transaction<DB>, nodeId: string): Promise<void> {
  await sql`SELECT FROM nodes WHERE id = ${nodeId} FOR NO KEY UPDATE`.execute(transaction);
}

/**
 * Reads the records of nodes that have not departed.
 * @param asked nodes, each with the boot id that it reports
 * @returns node id → record
 */
export async function readNodes(
  db: Executor,
  asked: readonly { nodeId: string; bootId: string }[],
): Promise<Map<string, NodeRecord>> {
  const { rows } = await sql<Found>`
    SELECT node.id AS node_id, node.hostname, host(node.management_ip) AS management_ip, node.phase,
      gone.node_id IS NOT NULL AS departed, node.full_state_wanted_at IS NOT NULL AS is_full_state_wanted,
      state.epoch AS state_epoch, state.sequence AS state_sequence, state.vms_hashes, state.pools_hashes,
      state.smbios_uuid, state.serial, state.boot_id,
      beat.epoch AS heartbeat_epoch, beat.sequence AS heartbeat_sequence, beat.boot_heard_at,
      beat.received_at AS heard_at,
      EXISTS (SELECT FROM node_boots AS former
        WHERE former.node_id = node.id AND former.boot_id = asked.boot_id) AS is_former_boot
    FROM unnest(
      ${asked.map(({ nodeId }) => nodeId)}::uuid[],
      ${asked.map(({ bootId }) => bootId)}::text[]
    ) AS asked (node_id, boot_id)
    JOIN nodes AS node ON node.id = asked.node_id
    LEFT JOIN departed_nodes AS gone ON gone.node_id = node.id
    LEFT JOIN node_states AS state ON state.node_id = node.id
    LEFT JOIN node_heartbeats AS beat ON beat.node_id = node.id`.execute(db);
  return new Map(
    rows.filter(({ departed }) => !departed).map((row) => [row.nodeId, recordOf(row)]),
  );
}

function recordOf(found: Found): NodeRecord {
  const { nodeId, hostname, managementIp = null, phase, isFullStateWanted } = found;
  const { bootHeardAt, heardAt, isFormerBoot } = found;
  return {
    ...{ nodeId, hostname, managementIp, phase, isFullStateWanted },
    ...{ bootHeardAt, heardAt, isFormerBoot },
    state: positionOf(found.stateEpoch, found.stateSequence),
    heartbeat: positionOf(found.heartbeatEpoch, found.heartbeatSequence),
    vmsHashes: found.vmsHashes ?? [],
    poolsHashes: found.poolsHashes ?? [],
    smbiosUuid: found.smbiosUuid ?? '',
    serial: found.serial ?? '',
    bootId: found.bootId ?? '',
  };
}

function positionOf(epoch: number | null, sequence: number | null): KeptPosition | undefined {
  return epoch === null || sequence === null ? undefined : { epoch, sequence };
}

/**
 * Explains why there is no record of a node with a valid certificate: it was deleted, has left, or joined after the
 * backup that was restored.
 */
export async function explainAbsence(db: Executor, nodeId: string): Promise<RefusedCallError> {
  const { rows } = await sql<{ how: string }>`
    SELECT how FROM departed_nodes WHERE node_id = ${nodeId}`.execute(db);
  if (rows[0] !== undefined) {
    const what = rows[0].how === 'LEFT' ? 'has left' : 'was deleted';
    return new RefusedCallError(RefusalReason.NODE_DELETED, `the node ${nodeId} ${what}`);
  }
  return new RefusedCallError(
    RefusalReason.ADOPTION_PENDING,
    `the node ${nodeId} has a valid certificate, but there is no record of it`,
  );
}

/** A report's statements about the node itself; a field is undefined if it is not stated or cannot be recorded. */
export interface NodeFacts {
  readonly nodeId: string;
  readonly hostname: string | undefined;
  readonly managementIp: string | null;
  readonly spec: object | undefined;
  readonly phase: NodePhase;
  /** The phase as it was read. If another phase was set in the meantime, that one stays. */
  readonly phaseBefore: NodePhase;
  readonly isFullStateWanted: boolean;
}

/** Whether facts about a node differ, or may differ, from its record: a `spec` is not compared. */
export function isNews(facts: NodeFacts, record: NodeRecord): boolean {
  const { hostname = record.hostname, managementIp, spec, phase, isFullStateWanted } = facts;
  return (
    spec !== undefined ||
    hostname !== record.hostname ||
    managementIp !== record.managementIp ||
    phase !== record.phase ||
    isFullStateWanted !== record.isFullStateWanted
  );
}

/** Locks nodes in a fixed order, so that two transactions that change several of them do not deadlock. */
export async function lockNodes(db: Executor, ids: readonly string[]): Promise<void> {
  if (ids.length < 2) return;
  await sql`
    SELECT FROM nodes WHERE id = ANY (${ids}::uuid[]) ORDER BY id FOR NO KEY UPDATE`.execute(db);
}

/** Records reported facts about nodes, in one statement. Unchanged rows are not written. */
export async function recordNodes(
  db: Executor,
  facts: readonly NodeFacts[],
  now: Date,
): Promise<void> {
  if (facts.length === 0) return;
  await lockNodes(
    db,
    facts.map(({ nodeId }) => nodeId),
  );
  await sql`
    UPDATE nodes AS node
    SET hostname = coalesce(sent.hostname, node.hostname), management_ip = sent.management_ip,
      management_ip_changed_at = CASE WHEN node.management_ip IS DISTINCT FROM sent.management_ip
        THEN ${now}::timestamptz ELSE node.management_ip_changed_at END,
      spec = coalesce(sent.spec::jsonb, node.spec),
      phase = CASE WHEN node.phase = sent.before THEN sent.phase ELSE node.phase END,
      full_state_wanted_at = CASE WHEN sent.wanted THEN node.full_state_wanted_at END
    FROM unnest(
      ${facts.map(({ nodeId }) => nodeId)}::uuid[],
      ${facts.map(({ hostname }) => hostname ?? null)}::text[],
      ${facts.map(({ managementIp }) => managementIp)}::inet[],
      ${facts.map(({ spec }) => (spec === undefined ? null : JSON.stringify(spec)))}::text[],
      ${facts.map(({ phase }) => phase)}::text[],
      ${facts.map(({ phaseBefore }) => phaseBefore)}::text[],
      ${facts.map(({ isFullStateWanted }) => isFullStateWanted)}::boolean[]
    ) AS sent (id, hostname, management_ip, spec, phase, before, wanted)
    WHERE node.id = sent.id AND (
      (sent.hostname IS NOT NULL AND sent.hostname <> node.hostname)
      OR node.management_ip IS DISTINCT FROM sent.management_ip
      OR (sent.spec IS NOT NULL AND sent.spec::jsonb <> node.spec)
      OR (node.phase = sent.before AND node.phase <> sent.phase)
      OR (NOT sent.wanted AND node.full_state_wanted_at IS NOT NULL))`.execute(db);
}

/** Position and hashes of a node's last report, stored besides the reported objects. */
export interface StateRecord extends KeptPosition {
  readonly nodeId: string;
  readonly fullStateAt: Date | null;
  readonly vmsHashes: readonly string[];
  readonly poolsHashes: readonly string[];
  /** Undefined to keep the recorded one. */
  readonly hardware: { smbiosUuid: string; serial: string; bootId: string } | undefined;
}

/** Inserts or replaces the stored state of a node. `fullStateAt: null` keeps the time of the last full state. */
export async function recordState(db: Executor, state: StateRecord): Promise<void> {
  const { nodeId, epoch, sequence, fullStateAt, vmsHashes, poolsHashes, hardware } = state;
  const { smbiosUuid = '', serial = '', bootId = '' } = hardware ?? {};
  const setHardware =
    hardware === undefined
      ? sql``
      : sql`, smbios_uuid = excluded.smbios_uuid, serial = excluded.serial, boot_id = excluded.boot_id`;
  await sql`
    INSERT INTO node_states AS kept
      (node_id, epoch, sequence, full_state_at, vms_hashes, pools_hashes, smbios_uuid, serial, boot_id)
    VALUES (${nodeId}, ${epoch}, ${sequence}, ${fullStateAt}, ${vmsHashes}::text[], ${poolsHashes}::text[],
      ${smbiosUuid}, ${serial}, ${bootId})
    ON CONFLICT (node_id) DO UPDATE
    SET epoch = excluded.epoch, sequence = excluded.sequence,
      full_state_at = coalesce(excluded.full_state_at, kept.full_state_at),
      vms_hashes = excluded.vms_hashes, pools_hashes = excluded.pools_hashes ${setHardware}`.execute(
    db,
  );
}

/** Records that a boot of a node is over. */
export async function recordFormerBoot(
  db: Executor,
  nodeId: string,
  bootId: string,
  now: Date,
): Promise<void> {
  await sql`
    INSERT INTO node_boots (node_id, boot_id, replaced_at) VALUES (${nodeId}, ${bootId}, ${now})
    ON CONFLICT DO NOTHING`.execute(db);
}
