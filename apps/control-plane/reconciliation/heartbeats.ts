import { create, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { timestampFromDate, timestampMs } from '@bufbuild/protobuf/wkt';
import { sql, type Transaction } from 'kysely';
import { messageOf } from '../../error.ts';
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
import type { Executor } from '../database/database.ts';
import { type Heartbeat, recordHeartbeats } from '../database/repositories/nodes.ts';
import type { DB } from '../database/schema.ts';
import { replaceNul, toMessageJson } from '../database/text.ts';
import { MalformedMessageError, RefusedCallError } from './error.ts';
import {
  explainAbsence,
  isNews,
  type NodeFacts,
  type NodeRecord,
  readNodes,
  recordNodes,
} from './node-records.ts';
import { determinePhase, wasSilent } from './phase.ts';
import { recordPoolSizes } from './pool-records.ts';
import { isLater, type KeptPosition, makeKeptMessage, readPosition } from './position.ts';
import type { Sizes } from './reconcile-pools.ts';
import { deriveKey, readAddress, readHostname, readSizes, toCount } from './reports.ts';

/** Seconds after which a node may check again whether another host still uses its key. */
const COPY_RETRY = 3600;

/** A heartbeat that awaits its answer. */
export interface Sent {
  readonly nodeId: string;
  readonly request: HeartbeatRequest;
  readonly position: KeptPosition;
  readonly content: StoredContent;
}

/** The messages of a heartbeat that are stored as they are. */
type StoredContent = Pick<Heartbeat, 'load' | 'health' | 'hypervisor' | 'version'>;

/** The result of a heartbeat. */
export type Outcome = HeartbeatResponse | RefusedCallError;

/** @throws MalformedMessageError */
export function readHeartbeat(nodeId: string, request: HeartbeatRequest): Sent {
  if (request.acknowledged !== undefined) readPosition(request.acknowledged);
  return { nodeId, request, position: readPosition(request.position), content: contentOf(request) };
}

/**
 * Converts messages before the heartbeat joins others: one that cannot be stored must not fail theirs.
 * @throws MalformedMessageError
 */
function contentOf({ load, health, hypervisor, version }: HeartbeatRequest): StoredContent {
  try {
    return {
      load: toStored(HostLoadSchema, load),
      health: toStored(HostHealthSchema, health),
      hypervisor: toStored(HypervisorSchema, hypervisor),
      version: toStored(VersionSchema, version),
    };
  } catch (error) {
    throw new MalformedMessageError(`the heartbeat cannot be recorded: ${messageOf(error)}`);
  }
}

/** Converts a message to JSON; one that was not sent is an empty object. */
function toStored<D extends DescMessage>(schema: D, message: MessageShape<D> | undefined): object {
  return message === undefined ? {} : (toMessageJson(schema, message) as object);
}

/** @throws RefusedCallError if another boot has replaced this boot of a node */
export function expectOriginal({ nodeId, isFormerBoot }: NodeRecord): void {
  if (isFormerBoot) throw copyOf(nodeId);
}

/** Creates the refusal of a host that uses another host's key; it may ask again after an hour. */
export function copyOf(nodeId: string): RefusedCallError {
  return new RefusedCallError(
    RefusalReason.DUPLICATE_KEY,
    `another host uses the key of the node ${nodeId}`,
    COPY_RETRY,
  );
}

/** The results of heartbeats, and the values to record. */
interface Judged {
  readonly outcomes: Map<string, Outcome>;
  readonly beats: readonly Heartbeat[];
  /** Facts about nodes that differ from the recorded ones. */
  readonly facts: readonly NodeFacts[];
  /** Sizes of pools that differ from the recorded ones. */
  readonly sizes: readonly PoolSizes[];
  /** Nodes that were silent before. */
  readonly returned: string[];
}

type PoolSizes = Parameters<typeof recordPoolSizes>[1][number];

/** The present time, and the seconds until a node's next heartbeat. */
interface Timing {
  readonly now: Date;
  readonly interval: number;
}

/**
 * Processes heartbeats that bring no news, each of a different node, without a transaction.
 * @param epoch of the leader
 * @returns the result of each; undefined if any of them brings news or is refused. Nothing is recorded then, and the
 *   caller passes all of them to `takeHeartbeats`
 * @throws FencedError if another program has become the leader
 */
export async function takeQuietHeartbeats(
  db: Executor,
  sent: readonly Sent[],
  { epoch, ...timing }: Timing & { epoch: number },
): Promise<Map<string, Outcome> | undefined> {
  const { outcomes, beats, facts, sizes, returned } = await judgeHeartbeats(db, sent, timing);
  const isNewsFree = facts.length + sizes.length + returned.length === 0;
  if (!isNewsFree || beats.length < sent.length) return undefined;
  await recordHeartbeats(db, beats, epoch);
  return outcomes;
}

/**
 * Processes heartbeats, each of a different node.
 * @param epoch of the leader
 * @returns the result of each, and the nodes that were silent before
 */
export async function takeHeartbeats(
  transaction: Transaction<DB>,
  sent: readonly Sent[],
  { epoch, ...timing }: Timing & { epoch: number },
): Promise<{ outcomes: Map<string, Outcome>; returned: string[] }> {
  const { outcomes, beats, facts, sizes, returned } = await judgeHeartbeats(
    transaction,
    sent,
    timing,
  );
  if (beats.length > 0) {
    await recordHeartbeats(transaction, beats, epoch);
    await recordNodes(transaction, facts, timing.now);
    await recordPoolSizes(transaction, sizes, timing.now);
  }
  return { outcomes, returned };
}

async function judgeHeartbeats(
  db: Executor,
  sent: readonly Sent[],
  { now, interval }: Timing,
): Promise<Judged> {
  const asked = sent.map(({ nodeId, request }) => ({ nodeId, bootId: replaceNul(request.bootId) }));
  const nodes = await readNodes(db, asked);
  const pools = await readPools(db, sent);
  const outcomes = new Map<string, Outcome>();
  const facts: NodeFacts[] = [];
  const returned: string[] = [];
  const beats: Heartbeat[] = [];
  const sizes: PoolSizes[] = [];
  for (const one of sent) {
    const { nodeId, request, position } = one;
    const node = nodes.get(nodeId);
    if (node === undefined) outcomes.set(nodeId, await explainAbsence(db, nodeId));
    else if (node.isFormerBoot) outcomes.set(nodeId, copyOf(nodeId));
    else {
      const applied = isLater(position, node.heartbeat);
      const verdict = judge(request, node, pools);
      outcomes.set(nodeId, answer(one, node, { ...verdict, applied, now, interval }));
      if (!applied) continue;
      const isAvailable = request.hypervisor?.available ?? true;
      const { isCurrent } = verdict;
      if (wasSilent(node.phase, node.heardAt, now)) returned.push(nodeId);
      const fact: NodeFacts = {
        nodeId,
        hostname: readHostname(request.hostname),
        managementIp: readAddress(request.managementAddress),
        spec: undefined,
        phase: determinePhase(node.phase, { isCurrent, isAvailable }),
        phaseBefore: node.phase,
        isFullStateWanted: node.isFullStateWanted,
      };
      if (isNews(fact, node)) facts.push(fact);
      beats.push(heartbeatOf(one, node, now));
      for (const usage of request.pools) {
        const [hostPoolId, reported] = [deriveKey(usage.poolId), readSizes(usage)];
        const known = pools.get(`${nodeId} ${hostPoolId}`);
        if (known !== undefined && hasOtherSizes(known, reported)) {
          sizes.push({ nodeId, hostPoolId, ...reported });
        }
      }
    }
  }
  return { outcomes, beats, facts, sizes, returned };
}

/** The recorded values of a pool of a host. */
interface RecordedPool extends Sizes {
  /** Hash of its volumes; null if no full state has reported any. */
  readonly volumesSha256: string | null;
}

/** Recorded pools, by node and pool. */
type RecordedPools = ReadonlyMap<string, RecordedPool>;

async function readPools(db: Executor, sent: readonly Sent[]): Promise<RecordedPools> {
  const usages = sent.flatMap(({ nodeId, request }) =>
    request.pools.map(({ poolId }) => ({ nodeId, poolId: deriveKey(poolId) })),
  );
  if (usages.length === 0) return new Map();
  const { rows } = await sql<RecordedPool & { nodeId: string; hostPoolId: string }>`
    SELECT kept.node_id, kept.host_pool_id, kept.volumes_sha256, status.total_bytes, status.used_bytes,
      status.available_bytes
    FROM unnest(
      ${usages.map(({ nodeId }) => nodeId)}::uuid[], ${usages.map(({ poolId }) => poolId)}::text[]
    ) AS sent (node_id, host_pool_id)
    JOIN reported_pools AS kept USING (node_id, host_pool_id)
    LEFT JOIN pool_host_statuses AS status
      ON status.pool_id = kept.pool_id AND status.node_id = kept.node_id`.execute(db);
  return new Map(rows.map((row) => [`${row.nodeId} ${row.hostPoolId}`, row]));
}

function hasOtherSizes(recorded: Sizes, reported: Sizes): boolean {
  return (
    recorded.totalBytes !== reported.totalBytes ||
    recorded.usedBytes !== reported.usedBytes ||
    recorded.availableBytes !== reported.availableBytes
  );
}

/** What a heartbeat shows about the recorded state: see HeartbeatRequest. */
interface Verdict {
  /**
   * Whether the last state that the node knows to be acknowledged is exactly the one applied here, and both sides know
   * the form of its hashes. Only then can the hashes be compared.
   */
  readonly isComparable: boolean;
  /** Whether the recorded state is known to be the node's present one. */
  readonly isCurrent: boolean;
  readonly requestFullSync: boolean;
}

function judge(request: HeartbeatRequest, node: NodeRecord, pools: RecordedPools): Verdict {
  const { acknowledged, stateHash, bootId } = request;
  const acknowledgedPosition = acknowledged === undefined ? undefined : readPosition(acknowledged);
  // After a restore from a backup, the applied state can be older than the state that was acknowledged to the node.
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
  const hasOtherVolumes = request.pools.some(({ poolId, volumesSha256 }) => {
    const known = pools.get(`${node.nodeId} ${deriveKey(poolId)}`)?.volumesSha256;
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
    kept: makeKeptMessage(node.state, applied ? position : node.heartbeat),
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

function heartbeatOf(
  { nodeId, request, position, content }: Sent,
  node: NodeRecord,
  now: Date,
): Heartbeat {
  const { clientTime, bootId } = request;
  return {
    ...{ nodeId, ...position, receivedAt: now, ...content },
    clockOffsetMs: clientTime === undefined ? null : offsetOf(timestampMs(clientTime), now),
    trustBundleVersion: toCount(request.trustBundleVersion) ?? 0,
    endpointsVersion: toCount(request.endpointsVersion) ?? 0,
    isOfKnownBoot: bootId === '' || node.bootId === '' || bootId === node.bootId,
  };
}

function offsetOf(clientTime: number, now: Date): number | null {
  const offset = Math.round(clientTime - now.getTime());
  return Number.isSafeInteger(offset) ? offset : null;
}
