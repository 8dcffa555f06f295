import { create } from '@bufbuild/protobuf';
import { timestampFromDate, timestampMs } from '@bufbuild/protobuf/wkt';
import { sql, type Transaction } from 'kysely';
import { HostHealthSchema, HostLoadSchema } from '../../proto/gen/quantix/v1/host_pb.js';
import {
  type HeartbeatRequest,
  type HeartbeatResponse,
  HeartbeatResponseSchema,
} from '../../proto/gen/quantix/v1/node_service_pb.js';
import { StateHashSchema } from '../../proto/gen/quantix/v1/position_pb.js';
import { RefusalReason } from '../../proto/gen/quantix/v1/refusal_pb.js';
import { VersionSchema } from '../../proto/gen/quantix/v1/version_pb.js';
import { HypervisorSchema } from '../../proto/gen/quantix/v1/vm_pb.js';
import { type Heartbeat, recordHeartbeats } from '../database/repositories/nodes.ts';
import type { DB } from '../database/schema.ts';
import { messageJson, withoutNul } from '../database/text.ts';
import { RefusedCallError } from './error.ts';
import {
  explainAbsence,
  type NodeFacts,
  type NodeRecord,
  readNodes,
  recordNodes,
} from './node-records.ts';
import { phaseAfter, wasSilent } from './phase.ts';
import { recordPoolSizes } from './pool-records.ts';
import { isLater, type KeptPosition, keptMessage, readPosition } from './position.ts';
import { countable, keyOf, readAddress, readHostname, sizesOf } from './reports.ts';

/** Seconds after which a node may check again whether another host still uses its key. */
const COPY_RETRY = 3600;

/** A heartbeat that awaits its answer. */
export interface Sent {
  readonly nodeId: string;
  readonly request: HeartbeatRequest;
  readonly position: KeptPosition;
}

/** The result of a heartbeat. */
export type Outcome = HeartbeatResponse | RefusedCallError;

/** @throws MalformedMessageError */
export function readHeartbeat(nodeId: string, request: HeartbeatRequest): Sent {
  if (request.acknowledged !== undefined) readPosition(request.acknowledged);
  return { nodeId, request, position: readPosition(request.position) };
}

/** @throws RefusedCallError if another boot has replaced this boot of a node */
export function expectOriginal({ nodeId, isFormerBoot }: NodeRecord): void {
  if (isFormerBoot) throw copyOf(nodeId);
}

export function copyOf(nodeId: string): RefusedCallError {
  return new RefusedCallError(
    RefusalReason.DUPLICATE_KEY,
    `another host uses the key of the node ${nodeId}`,
    COPY_RETRY,
  );
}

/**
 * Processes heartbeats, each of a different node.
 * @returns the result of each, and the nodes that were silent before
 */
export async function takeHeartbeats(
  transaction: Transaction<DB>,
  sent: readonly Sent[],
  { now, interval }: { now: Date; interval: number },
): Promise<{ outcomes: Map<string, Outcome>; returned: string[] }> {
  const asked = sent.map(({ nodeId, request }) => ({ nodeId, bootId: withoutNul(request.bootId) }));
  const nodes = await readNodes(transaction, asked, { locked: false });
  const volumes = await readVolumes(transaction, sent);
  const outcomes = new Map<string, Outcome>();
  const facts: NodeFacts[] = [];
  const returned: string[] = [];
  const beats: Heartbeat[] = [];
  const sizes: Parameters<typeof recordPoolSizes>[1][number][] = [];
  for (const one of sent) {
    const { nodeId, request, position } = one;
    const node = nodes.get(nodeId);
    if (node === undefined) outcomes.set(nodeId, await explainAbsence(transaction, nodeId));
    else if (node.isFormerBoot) outcomes.set(nodeId, copyOf(nodeId));
    else {
      const applied = isLater(position, node.heartbeat);
      const verdict = judge(request, node, volumes);
      outcomes.set(nodeId, answer(one, node, { ...verdict, applied, now, interval }));
      if (!applied) continue;
      const isAvailable = request.hypervisor?.available ?? true;
      const { isCurrent } = verdict;
      if (wasSilent(node.phase, node.heardAt, now)) returned.push(nodeId);
      facts.push({
        nodeId,
        hostname: readHostname(request.hostname),
        managementIp: readAddress(request.managementAddress),
        spec: undefined,
        phase: phaseAfter(node.phase, { isCurrent, isAvailable }),
        phaseBefore: node.phase,
        isFullStateWanted: node.isFullStateWanted,
      });
      beats.push(heartbeatOf(one, node, now));
      for (const usage of request.pools) {
        sizes.push({ nodeId, hostPoolId: keyOf(usage.poolId), ...sizesOf(usage) });
      }
    }
  }
  if (beats.length > 0) {
    await recordHeartbeats(transaction, beats);
    await recordNodes(transaction, facts, now);
    await recordPoolSizes(transaction, sizes, now);
  }
  return { outcomes, returned };
}

/** Recorded hashes of volumes, by node and pool; null if no full state has reported any. */
type KnownVolumes = ReadonlyMap<string, string | null>;

async function readVolumes(db: Transaction<DB>, sent: readonly Sent[]): Promise<KnownVolumes> {
  const usages = sent.flatMap(({ nodeId, request }) =>
    request.pools
      .filter(({ volumesSha256 }) => volumesSha256 !== '')
      .map(({ poolId }) => ({ nodeId, poolId: keyOf(poolId) })),
  );
  if (usages.length === 0) return new Map();
  const { rows } = await sql<{ nodeId: string; hostPoolId: string; sha256: string | null }>`
    SELECT node_id, host_pool_id, volumes_sha256 AS sha256 FROM reported_pools
    JOIN unnest(
      ${usages.map(({ nodeId }) => nodeId)}::uuid[], ${usages.map(({ poolId }) => poolId)}::text[]
    ) AS sent (node_id, host_pool_id) USING (node_id, host_pool_id)`.execute(db);
  return new Map(rows.map(({ nodeId, hostPoolId, sha256 }) => [`${nodeId} ${hostPoolId}`, sha256]));
}

/** What a heartbeat shows about the recorded state: see HeartbeatRequest. */
interface Verdict {
  /**
   * Whether the state that the node holds acknowledged is exactly the applied one, with a form of hash that both sides
   * know.
   */
  readonly isComparable: boolean;
  /** Whether the recorded state is known to be the node's present one. */
  readonly isCurrent: boolean;
  readonly requestFullSync: boolean;
}

function judge(request: HeartbeatRequest, node: NodeRecord, volumes: KnownVolumes): Verdict {
  const { acknowledged, stateHash, bootId, pools } = request;
  const acknowledgedPosition = acknowledged === undefined ? undefined : readPosition(acknowledged);
  // After a restore from a backup, less is applied than the node holds acknowledged.
  const isBehind = acknowledgedPosition !== undefined && isLater(acknowledgedPosition, node.state);
  const isAt =
    acknowledgedPosition !== undefined &&
    !isBehind &&
    !isLater(node.state ?? acknowledgedPosition, acknowledgedPosition);
  const { form = 0, vms = '', pools: poolsHash = '' } = stateHash ?? {};
  const isComparable = isAt && node.vmsHashes[form] !== undefined;
  const isSame =
    (vms === '' || vms === node.vmsHashes[form]) &&
    (poolsHash === '' || poolsHash === node.poolsHashes[form]);
  const isOtherBoot = bootId !== '' && node.bootId !== '' && bootId !== node.bootId;
  const hasOtherVolumes = pools.some(({ poolId, volumesSha256 }) => {
    const known = volumes.get(`${node.nodeId} ${keyOf(poolId)}`);
    return volumesSha256 !== '' && known !== undefined && known !== '' && known !== volumesSha256;
  });
  const isWrong = isBehind || isOtherBoot || (isComparable && !isSame);
  return {
    isComparable,
    isCurrent: isComparable && !isWrong,
    requestFullSync: isWrong || hasOtherVolumes || node.isFullStateWanted,
  };
}

function answer(
  { request, position }: Sent,
  node: NodeRecord,
  {
    applied,
    isComparable,
    requestFullSync,
    now,
    interval,
  }: Verdict & { applied: boolean; now: Date; interval: number },
): HeartbeatResponse {
  const { form = 0 } = request.stateHash ?? {};
  return create(HeartbeatResponseSchema, {
    heartbeatIntervalSeconds: interval,
    requestFullSync: applied && requestFullSync,
    serverTime: timestampFromDate(now),
    applied,
    kept: keptMessage(node.state, applied ? position : node.heartbeat),
    ...(isComparable ? { stateHash: hashMessage(node, form) } : {}),
  });
}

function hashMessage({ vmsHashes, poolsHashes }: NodeRecord, form: number) {
  return create(StateHashSchema, {
    form,
    vms: vmsHashes[form] ?? '',
    pools: poolsHashes[form] ?? '',
  });
}

function heartbeatOf({ nodeId, request, position }: Sent, node: NodeRecord, now: Date): Heartbeat {
  const { load, health, hypervisor, version, clientTime, bootId } = request;
  return {
    ...{ nodeId, ...position, receivedAt: now },
    load: load === undefined ? {} : (messageJson(HostLoadSchema, load) as object),
    health: health === undefined ? {} : (messageJson(HostHealthSchema, health) as object),
    hypervisor:
      hypervisor === undefined ? {} : (messageJson(HypervisorSchema, hypervisor) as object),
    version: version === undefined ? {} : (messageJson(VersionSchema, version) as object),
    clockOffsetMs: clientTime === undefined ? null : offsetOf(timestampMs(clientTime), now),
    trustBundleVersion: countable(request.trustBundleVersion) ?? 0,
    endpointsVersion: countable(request.endpointsVersion) ?? 0,
    isOfKnownBoot: bootId === '' || node.bootId === '' || bootId === node.bootId,
  };
}

function offsetOf(clientTime: number, now: Date): number | null {
  const offset = Math.round(clientTime - now.getTime());
  return Number.isSafeInteger(offset) ? offset : null;
}
