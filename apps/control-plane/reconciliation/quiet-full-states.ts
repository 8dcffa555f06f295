import { sql } from 'kysely';
import { isUuid } from '../../libvirt/uuid.ts';
import type { Executor } from '../database/database.ts';
import { expectEpoch, type Leadership } from '../database/repositories/leadership.ts';
import type { FullState } from './full-state.ts';
import { isNews, type NodeRecord, readNodes } from './node-records.ts';
import { determinePhase } from './phase.ts';
import type { ReportedVolumes } from './pool-records.ts';
import { isLater, type KeptPosition } from './position.ts';
import type { ReportedVm } from './reconcile.ts';
import { isPool, type ReportedPool } from './reconcile-pools.ts';
import {
  makeHostSpec,
  readAddress,
  readHardware,
  readHostname,
  readPool,
  readVm,
} from './reports.ts';

/** Maximum size in bytes of the reports of a full state that is compared together with others. */
const LARGEST = 1024 * 1024;

/** A full state, and the node that sent it. */
export interface SentFullState {
  readonly nodeId: string;
  readonly state: FullState;
  /** Aborted when its sender no longer waits: it is not applied then. */
  readonly signal: AbortSignal | undefined;
}

/** A full state that may have no news: the record of its node agrees with it. */
interface Candidate {
  readonly node: NodeRecord;
  readonly known: KeptPosition;
  readonly position: KeptPosition;
  readonly spec: string;
  readonly vms: readonly ReportedVm[];
  readonly pools: readonly ReportedPool[];
  readonly volumes: ReadonlyMap<string, ReportedVolumes>;
}

/**
 * Applies full states, each of a different node, that differ from the records in nothing but their positions: agents
 * that restart together send many of them. They are found and recorded with one statement, without a transaction.
 * @param epoch of the leader
 * @returns the nodes whose full states were applied, by id, as they were recorded before. Nothing is recorded of the
 *   other full states, which may have news, or may be refused
 * @throws FencedError if another program has become the leader
 */
export async function takeQuietFullStates(
  db: Executor,
  sent: readonly SentFullState[],
  { now, epoch }: { now: Date; epoch: number },
): Promise<Map<string, NodeRecord>> {
  const awaited = sent.filter(({ signal }) => signal?.aborted !== true);
  const asked = awaited.map(({ nodeId, state: { host } }) => ({
    nodeId,
    bootId: readHardware(host).bootId,
  }));
  const nodes = await readNodes(db, asked);
  const candidates = awaited.flatMap(({ nodeId, state }) => {
    const node = nodes.get(nodeId);
    return node === undefined ? [] : (makeCandidate(node, state) ?? []);
  });
  if (candidates.length === 0) return new Map();
  const applied = await recordUnchanged(db, candidates, { now, epoch });
  return new Map([...nodes].filter(([nodeId]) => applied.has(nodeId)));
}

/** Returns the values to compare with the records; undefined if the full state is already known to have news. */
function makeCandidate(node: NodeRecord, state: FullState): Candidate | undefined {
  const { position, host, isAvailable } = state;
  const { smbiosUuid, serial, bootId } = readHardware(host);
  const isSameMachine =
    smbiosUuid === node.smbiosUuid && serial === node.serial && bootId === node.bootId;
  const facts = {
    nodeId: node.nodeId,
    hostname: host === undefined ? undefined : readHostname(host.hostname),
    managementIp: readAddress(state.managementAddress),
    spec: undefined,
    phase: determinePhase(node.phase, { isCurrent: true, isAvailable }),
    phaseBefore: node.phase,
    isFullStateWanted: false,
  };
  const isWhole = node.vmsHashes.length > 0 && node.poolsHashes.length > 0;
  if (node.isFormerBoot || !isSameMachine || !isWhole || isNews(facts, node)) return undefined;
  if (host === undefined || state.vms === undefined || state.pools === undefined) return undefined;
  if (node.state === undefined || !isLater(position, node.state)) return undefined;
  const vms = state.vms.map(readVm);
  const pools = state.pools.map(readPool);
  const size = [...vms, ...pools].reduce((sum, { report }) => sum + report.length, 0);
  const isPlain =
    size <= LARGEST &&
    new Set(vms.map(({ id }) => id)).size === vms.length &&
    new Set(pools.map(({ id }) => id)).size === pools.length &&
    vms.every(({ id }) => isUuid(id)) &&
    pools.every(isPool);
  if (!isPlain) return undefined;
  const volumes = new Map(state.volumes.map((one) => [one.poolId, one]));
  const spec = JSON.stringify(makeHostSpec(host));
  return { node, known: node.state, position, spec, vms, pools, volumes };
}

/**
 * Records the positions of those full states that equal the records: the node has exactly these reports, each of its
 * virtual machines is on it, as reported, and no other node claims it.
 * @returns ids of their nodes
 */
async function recordUnchanged(
  db: Executor,
  candidates: readonly Candidate[],
  { now, epoch }: { now: Date; epoch: number },
): Promise<Set<string>> {
  const vms = candidates.flatMap(({ node: { nodeId }, vms: all }) =>
    all.map((vm) => ({ ...vm, nodeId })),
  );
  const pools = candidates.flatMap(({ node: { nodeId }, pools: all, volumes }) =>
    all.map((pool) => ({ ...pool, nodeId, sha256: volumes.get(pool.id)?.sha256 ?? '' })),
  );
  // With LIMIT, PostgreSQL looks each virtual machine up by its key. Otherwise, it reads the whole table if it expects
  // that few rows meet the other conditions.
  const { rows } = await sql<Leadership & { nodeId: string | null }>`
    WITH leader AS MATERIALIZED (
      SELECT epoch AS led, holder FROM leadership FOR SHARE
    ), sent AS (
      SELECT * FROM unnest(
        ${candidates.map(({ node }) => node.nodeId)}::uuid[],
        ${candidates.map(({ spec }) => spec)}::text[],
        ${candidates.map((one) => one.vms.length)}::int[],
        ${candidates.map((one) => one.pools.length)}::int[],
        ${candidates.map(({ known }) => known.epoch)}::bigint[],
        ${candidates.map(({ known }) => known.sequence)}::bigint[],
        ${candidates.map(({ position }) => position.epoch)}::bigint[],
        ${candidates.map(({ position }) => position.sequence)}::bigint[]
      ) AS sent (node_id, spec, vms, pools, known_epoch, known_sequence, new_epoch, new_sequence)
    ), same_vms AS MATERIALIZED (
      SELECT sent.node_id, count(*) AS vms
      FROM unnest(
        ${vms.map(({ nodeId }) => nodeId)}::uuid[],
        ${vms.map(({ id }) => id)}::text[],
        ${vms.map(({ powerState }) => powerState)}::text[],
        ${vms.map(({ report }) => Buffer.from(report))}::bytea[]
      ) AS sent (node_id, vm_id, power_state, report)
      JOIN LATERAL (
        SELECT power_state, report FROM reported_vms AS one
        WHERE one.node_id = sent.node_id AND one.vm_id = sent.vm_id LIMIT 1
      ) AS kept ON true
      JOIN LATERAL (
        SELECT id, node_id, power_state, lost_at FROM virtual_machines AS one
        WHERE one.id = sent.vm_id::uuid LIMIT 1
      ) AS vm ON true
      WHERE kept.power_state = sent.power_state AND kept.report = sent.report
        AND vm.node_id = sent.node_id AND vm.power_state = sent.power_state AND vm.lost_at IS NULL
        AND (SELECT count(*) FROM reported_vms AS claim WHERE claim.vm_id = sent.vm_id) = 1
        AND NOT EXISTS (SELECT FROM vm_conflicts AS conflict WHERE conflict.vm_id = vm.id)
      GROUP BY sent.node_id
    ), same_pools AS MATERIALIZED (
      SELECT sent.node_id, count(*) AS pools
      FROM unnest(
        ${pools.map(({ nodeId }) => nodeId)}::uuid[],
        ${pools.map(({ id }) => id)}::text[],
        ${pools.map(({ report }) => Buffer.from(report))}::bytea[],
        ${pools.map(({ sha256 }) => sha256)}::text[],
        ${pools.map(({ sizes }) => sizes.totalBytes)}::bigint[],
        ${pools.map(({ sizes }) => sizes.usedBytes)}::bigint[],
        ${pools.map(({ sizes }) => sizes.availableBytes)}::bigint[]
      ) AS sent (node_id, host_pool_id, report, sha256, total_bytes, used_bytes, available_bytes)
      JOIN reported_pools AS kept ON kept.node_id = sent.node_id AND kept.host_pool_id = sent.host_pool_id
      JOIN pool_host_statuses AS status ON status.pool_id = kept.pool_id AND status.node_id = kept.node_id
      WHERE kept.report = sent.report AND kept.volumes_sha256 = sent.sha256
        AND (status.total_bytes, status.used_bytes, status.available_bytes)
          IS NOT DISTINCT FROM (sent.total_bytes, sent.used_bytes, sent.available_bytes)
      GROUP BY sent.node_id
    ), recorded AS (
      UPDATE node_states AS kept
      SET epoch = sent.new_epoch, sequence = sent.new_sequence, full_state_at = ${now}
      FROM sent
      JOIN leader ON leader.led = ${epoch}
      JOIN nodes AS node ON node.id = sent.node_id
      LEFT JOIN same_vms ON same_vms.node_id = sent.node_id
      LEFT JOIN same_pools ON same_pools.node_id = sent.node_id
      WHERE kept.node_id = sent.node_id
        AND kept.epoch = sent.known_epoch AND kept.sequence = sent.known_sequence
        AND node.spec = sent.spec::jsonb AND node.full_state_wanted_at IS NULL
        AND coalesce(same_vms.vms, 0) = sent.vms AND coalesce(same_pools.pools, 0) = sent.pools
        AND (SELECT count(*) FROM reported_vms AS own WHERE own.node_id = sent.node_id) = sent.vms
        AND (SELECT count(*) FROM virtual_machines AS own WHERE own.node_id = sent.node_id) = sent.vms
        AND (SELECT count(*) FROM reported_pools AS own WHERE own.node_id = sent.node_id) = sent.pools
      RETURNING kept.node_id
    )
    SELECT leader.led AS epoch, leader.holder, recorded.node_id FROM leader LEFT JOIN recorded ON true`.execute(
    db,
  );
  expectEpoch(rows[0]!, epoch);
  return new Set(rows.flatMap(({ nodeId }) => nodeId ?? []));
}
