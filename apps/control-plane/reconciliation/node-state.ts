import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { sql, type Transaction } from 'kysely';
import pLimit from 'p-limit';
import { messageOf } from '../../error.ts';
import { isUuid } from '../../libvirt/uuid.ts';
import type { Logger } from '../../log/logger.ts';
import {
  type HeartbeatRequest,
  type HeartbeatResponse,
  type NotifyStorageChangeRequest,
  type NotifyStorageChangeResponse,
  NotifyStorageChangeResponseSchema,
  type NotifyVMChangeRequest,
  type NotifyVMChangeResponse,
  NotifyVMChangeResponseSchema,
  type SyncFullStateRequest,
  type SyncFullStateResponse,
  SyncFullStateResponseSchema,
} from '../../proto/gen/quantix/v1/node_service_pb.js';
import type { Kept } from '../../proto/gen/quantix/v1/position_pb.js';
import { processInBatches } from '../../watch/in-batches.ts';
import { type Election, NotLeaderError } from '../coordination/election.ts';
import type { Database, Executor } from '../database/database.ts';
import { FencedError, writeAsLeader } from '../database/repositories/leadership.ts';
import type { DB } from '../database/schema.ts';
import { HEARTBEAT_INTERVAL } from '../heartbeat-times.ts';
import { ClaimLocks } from './claim-locks.ts';
import { collectParts, type FullState } from './full-state.ts';
import {
  copyOf,
  expectOriginal,
  readHeartbeat,
  type Sent,
  takeHeartbeats,
  takeQuietHeartbeats,
} from './heartbeats.ts';
import {
  explainAbsence,
  lockNode,
  type NodeRecord,
  readNodes,
  recordFormerBoot,
  recordNodes,
  recordState,
} from './node-records.ts';
import { determinePhase } from './phase.ts';
import { applyPoolChanges, readKnownPools, recordVolumes } from './pool-records.ts';
import { isLater, type KeptPosition, makeKeptMessage, readPosition } from './position.ts';
import { type SentFullState, takeQuietFullStates } from './quiet-full-states.ts';
import { isEqual, reconcileVms, type VmChanges, type VmReport } from './reconcile.ts';
import { type PoolReport, reconcilePools } from './reconcile-pools.ts';
import {
  deriveKey,
  hashPoolReports,
  hashVmReports,
  makeHostSpec,
  readAddress,
  readHardware,
  readHostname,
  readPool,
  readVm,
} from './reports.ts';
import { Turns } from './turns.ts';
import { applyVmChanges, readClaims, readClaimsAndPlaced, readKnownVms } from './vm-records.ts';

/**
 * Processes the state that nodes report. A node is identified by the key of its certificate. Answers lack only the
 * facts about the control plane itself: its version, the trust bundle's version, its endpoints and time servers.
 *
 * Each function throws
 * - RefusedCallError if the call is refused,
 * - MalformedMessageError if the message is invalid: `invalid_argument`, without a refusal,
 * - NotLeaderError or FencedError if another program is the leader: `unavailable`, so that the node tries its next
 *   endpoint,
 * - any other error if the database fails: also `unavailable`.
 */
export interface NodeState {
  heartbeat(nodeId: string, request: HeartbeatRequest): Promise<HeartbeatResponse>;
  /**
   * @param parts as they arrive on the stream; they are read when it is the node's turn, and their content is applied
   *   after the last one, or not at all
   * @param signal is aborted when the caller no longer waits: a full state that waits for its turn is not applied then
   */
  syncFullState(
    nodeId: string,
    parts: AsyncIterable<SyncFullStateRequest>,
    signal?: AbortSignal,
  ): Promise<SyncFullStateResponse>;
  notifyVmChange(nodeId: string, request: NotifyVMChangeRequest): Promise<NotifyVMChangeResponse>;
  notifyStorageChange(
    nodeId: string,
    request: NotifyStorageChangeRequest,
  ): Promise<NotifyStorageChangeResponse>;
}

export interface NodeStateOptions {
  readonly database: Database;
  /** The last leader applies reports, also while etcd is stopped and the leader is unknown. */
  readonly leadership: Pick<Election, 'untilOvertaken'>;
  readonly log: Logger;
  /** Seconds between two heartbeats of a node. */
  readonly heartbeatInterval?: number;
  /** Called for each processed message of a node, so that the monitor knows when it was heard. */
  readonly onHeard?: (nodeId: string) => void;
  /** Shared with all code that determines the nodes of virtual machines. */
  readonly locks?: ClaimLocks;
}

/** Maximum number of heartbeats that are recorded together. */
const BATCH = 200;

/**
 * Maximum number of full states that are read and not yet applied. The others are read and decoded when it is their
 * turn: after a restart, all hosts send theirs at once, and heartbeats and changes must not wait for them.
 */
const READ_AHEAD = 32;

/**
 * Maximum number of full states that are applied at the same time: after a restart, all hosts send theirs at once, and
 * heartbeats and changes still need connections to the database. More would not be faster.
 */
const FULL_STATES = 8;

/** Maximum number of full states that are compared with the records together. */
const COMPARED = 16;

/**
 * Number of heartbeat intervals. If other hardware uses a node's key within that time after the recorded machine was
 * last heard from, the key was copied: see HardwareIdentity.
 */
const COPY_WITHIN = 3;

/** The nil UUID, which is no node's id. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

/** A transaction of the leader, with locks that are released when it has ended. */
export interface Work {
  readonly transaction: Transaction<DB>;
  readonly now: Date;
  /**
   * Locks these virtual machines: waits until no other transaction determines their nodes. The locks last until the
   * transaction has ended. Locking the same ones again is possible; locking others later could cause a deadlock.
   */
  lock(ids: Iterable<string>): Promise<void>;
}

/** Creates the processing of nodes' reports. */
export function openNodeState(options: NodeStateOptions): NodeState {
  const { database, leadership, log, onHeard = () => undefined } = options;
  const { heartbeatInterval = HEARTBEAT_INTERVAL, locks = new ClaimLocks() } = options;

  const asLeader = async <T>(work: (one: Work, epoch: number) => Promise<T>): Promise<T> => {
    using held = locks.begin();
    return await leadership.untilOvertaken((epoch) =>
      writeAsLeader(database, epoch, (transaction) =>
        work({ transaction, now: new Date(), lock: (ids) => held.lock(ids) }, epoch),
      ),
    );
  };
  const takeWithNews = (sent: readonly Sent[]) =>
    asLeader(async (work, epoch) => {
      const { transaction, now } = work;
      const timing = { now, interval: heartbeatInterval, epoch };
      const { outcomes, returned } = await takeHeartbeats(transaction, sent, timing);
      if (returned.length > 0) await settleContested(work, returned);
      return outcomes;
    });
  const heartbeats = processInBatches(
    async (sent: readonly Sent[]) => {
      const quiet = await leadership.untilOvertaken((epoch) => {
        const timing = { now: new Date(), interval: heartbeatInterval, epoch };
        return takeQuietHeartbeats(database.db, sent, timing);
      });
      return quiet ?? (await takeWithNews(sent));
    },
    { keyOf: ({ nodeId }) => nodeId, most: BATCH },
  );
  const turns = new Turns(READ_AHEAD);
  const fullStates = pLimit(FULL_STATES);
  const quietFullStates = processInBatches<SentFullState, SyncFullStateResponse | undefined>(
    async (sent) => {
      const now = new Date();
      const before = await leadership
        .untilOvertaken((epoch) => takeQuietFullStates(database.db, sent, { now, epoch }))
        // After a failure, each full state is applied separately, so that it fails or succeeds by itself.
        .catch((error: unknown) => {
          const isOvertaken = error instanceof NotLeaderError || error instanceof FencedError;
          if (!isOvertaken) log.warning(`full states are compared one by one: ${messageOf(error)}`);
          return new Map<string, NodeRecord>();
        });
      const settings = makeSettings(now, heartbeatInterval);
      return new Map(
        sent.flatMap(({ nodeId, state: { position } }) => {
          const node = before.get(nodeId);
          if (node === undefined) return [];
          const kept = makeKeptMessage(position, node.heartbeat);
          const answer = { ...settings, applied: true, kept };
          return [[nodeId, create(SyncFullStateResponseSchema, answer)]];
        }),
      );
    },
    { keyOf: ({ nodeId }) => nodeId, most: COMPARED },
  );

  return {
    async heartbeat(nodeId, request) {
      const outcome = await heartbeats(readHeartbeat(nodeId, request));
      if (outcome instanceof Error) throw outcome;
      if (outcome.applied) onHeard(nodeId);
      return outcome;
    },
    async syncFullState(nodeId, parts, signal) {
      await turns.next(nodeId, signal);
      // A host that sends slowly keeps no other one waiting: what it has not sent yet does not count as unfinished.
      const state = await collectParts(parts);
      const answer = await turns.during(
        async () =>
          (await quietFullStates({ nodeId, state, signal })) ??
          (await fullStates(() => {
            signal?.throwIfAborted();
            return asLeader((work) => takeFullState(work, nodeId, state, heartbeatInterval));
          })),
      );
      if (answer.applied) onHeard(nodeId);
      if (answer.rejectedIds.length > 0) {
        log.warning(`${nodeId} reports what cannot be recorded: ${answer.rejectedIds.join(', ')}`);
      }
      return answer;
    },
    async notifyVmChange(nodeId, { position, change }) {
      const verdict = await asLeader((work) =>
        takeNotification(work, nodeId, readPosition(position), async (node) => {
          const { changes, hashes } = await reconcileNode(work, node, {
            nodeId,
            isComplete: false,
            present: change.case === 'present' ? [readVm(change.value)] : [],
            absent: change.case === 'absentId' ? [deriveKey(change.value)] : [],
          });
          return { vmsHashes: hashes, isFullStateWanted: changes.unknown.length > 0 };
        }),
      );
      if (verdict.applied) onHeard(nodeId);
      return create(NotifyVMChangeResponseSchema, verdict);
    },
    async notifyStorageChange(nodeId, { position, change }) {
      const verdict = await asLeader((work) =>
        takeNotification(work, nodeId, readPosition(position), async (node) => {
          const { hashes } = await reconcileNodePools(work, node, {
            isComplete: false,
            present: change.case === 'present' ? [readPool(change.value)] : [],
            absent: change.case === 'absentId' ? [deriveKey(change.value)] : [],
          });
          return { poolsHashes: hashes };
        }),
      );
      if (verdict.applied) onHeard(nodeId);
      return create(NotifyStorageChangeResponseSchema, verdict);
    },
  };
}

/** Reads the stored positions of a node, for `RegisterResponse.kept`; both are unset for an unknown node. */
export async function readKept(db: Executor, nodeId: string): Promise<Kept> {
  const node = (await readNodes(db, [{ nodeId, bootId: '' }])).get(nodeId);
  return makeKeptMessage(node?.state, node?.heartbeat);
}

/** Locks a node, and finds its record. @throws RefusedCallError if it does not exist, or its key was copied */
async function findNode(
  { transaction }: Work,
  nodeId: string,
  bootId: string,
): Promise<NodeRecord> {
  await lockNode(transaction, nodeId);
  const nodes = await readNodes(transaction, [{ nodeId, bootId }]);
  const node = nodes.get(nodeId);
  if (node === undefined) throw await explainAbsence(transaction, nodeId);
  expectOriginal(node);
  return node;
}

async function takeFullState(
  work: Work,
  nodeId: string,
  state: FullState,
  interval: number,
): Promise<SyncFullStateResponse> {
  const { transaction, now } = work;
  const { position, host } = state;
  const hardware = readHardware(host);
  const node = await findNode(work, nodeId, hardware.bootId);
  const settings = makeSettings(now, interval);
  if (!isLater(position, node.state)) {
    const kept = makeKeptMessage(node.state, node.heartbeat);
    return create(SyncFullStateResponseSchema, { ...settings, applied: false, kept });
  }
  if (isCopy(node, hardware, { now, within: COPY_WITHIN * interval * 1000 })) throw copyOf(nodeId);
  const vms =
    state.vms === undefined
      ? undefined
      : await reconcileNode(work, node, {
          ...{ nodeId, isComplete: true, absent: [], present: state.vms.map(readVm) },
        });
  const pools =
    state.pools === undefined
      ? undefined
      : await reconcileNodePools(work, node, {
          ...{ isComplete: true, absent: [], present: state.pools.map(readPool) },
        });
  await recordVolumes(transaction, nodeId, state.volumes);
  await recordNodes(
    transaction,
    [
      {
        nodeId,
        hostname: host === undefined ? undefined : readHostname(host.hostname),
        managementIp: readAddress(state.managementAddress),
        spec: host === undefined ? undefined : makeHostSpec(host),
        phase: determinePhase(node.phase, { isCurrent: true, isAvailable: state.isAvailable }),
        phaseBefore: node.phase,
        isFullStateWanted: false,
      },
    ],
    now,
  );
  if (node.bootId !== '' && hardware.bootId !== '' && node.bootId !== hardware.bootId) {
    await recordFormerBoot(transaction, nodeId, node.bootId, now);
  }
  await recordState(transaction, {
    ...{ nodeId, ...position, fullStateAt: now },
    vmsHashes: vms?.hashes ?? keptHashes(node.vmsHashes),
    poolsHashes: pools?.hashes ?? keptHashes(node.poolsHashes),
    hardware: host?.hardware === undefined ? undefined : hardware,
  });
  if (node.phase === 'DISCONNECTED') await settleContested(work, [nodeId]);
  return create(SyncFullStateResponseSchema, {
    ...settings,
    vmsDiscovered: vms?.changes.discovered.length ?? 0,
    vmsLost: vms?.changes.lost.length ?? 0,
    poolsDiscovered: pools?.discovered ?? 0,
    applied: true,
    kept: makeKeptMessage(position, node.heartbeat),
    rejectedIds: [
      ...idsOf(state.vms ?? [], vms?.changes.rejected ?? []),
      ...idsOf(state.pools ?? [], pools?.rejected ?? []),
    ],
  });
}

/** Returns the fields of an answer that every node gets. */
function makeSettings(now: Date, interval: number) {
  return { heartbeatIntervalSeconds: interval, serverTime: timestampFromDate(now) };
}

/** Returns the stored hashes, or those of an empty list if nothing was reported yet. */
function keptHashes(hashes: readonly string[]): readonly string[] {
  return hashes.length > 0 ? hashes : hashVmReports([]);
}

/** Whether another machine sends a full state while the recorded one is still active. */
function isCopy(
  node: NodeRecord,
  hardware: { smbiosUuid: string; serial: string; bootId: string },
  { now, within }: { now: Date; within: number },
): boolean {
  const differs = (one: string, other: string) => one !== '' && other !== '' && one !== other;
  const isOther =
    differs(node.smbiosUuid, hardware.smbiosUuid) || differs(node.serial, hardware.serial);
  // A time that is far ahead was recorded before the clock was set back: it says nothing.
  const wasHeard =
    node.bootHeardAt !== null && Math.abs(now.getTime() - node.bootHeardAt.getTime()) < within;
  return isOther && wasHeard;
}

/** Returns the ids, as they were sent, of the objects stored under these keys. */
function idsOf(items: readonly { id: string }[], keys: readonly string[]): string[] {
  const wanted = new Set(keys);
  return [...new Set(items.map(({ id }) => id).filter((id) => wanted.has(deriveKey(id))))];
}

/** Changes of a notification to the record of its node's state. */
interface Noted {
  readonly vmsHashes?: readonly string[];
  readonly poolsHashes?: readonly string[];
  readonly isFullStateWanted?: boolean;
}

/**
 * Applies a notification if its position is greater than the stored one, and the full state that starts its epoch was
 * applied.
 */
async function takeNotification(
  work: Work,
  nodeId: string,
  position: KeptPosition,
  apply: (node: NodeRecord) => Promise<Noted>,
): Promise<{ applied: boolean; requestFullSync: boolean; kept: Kept }> {
  const node = await findNode(work, nodeId, '');
  const kept = makeKeptMessage(node.state, node.heartbeat);
  if (!isLater(position, node.state)) return { applied: false, requestFullSync: false, kept };
  if (node.state?.epoch !== position.epoch) return { applied: false, requestFullSync: true, kept };
  const noted = await apply(node);
  await recordState(work.transaction, {
    ...{ nodeId, ...position, fullStateAt: null, hardware: undefined },
    vmsHashes: noted.vmsHashes ?? node.vmsHashes,
    poolsHashes: noted.poolsHashes ?? node.poolsHashes,
  });
  return {
    applied: true,
    requestFullSync: noted.isFullStateWanted ?? false,
    kept: makeKeptMessage(position, node.heartbeat),
  };
}

/** Determines the consequences of a report on virtual machines, and records them. */
async function reconcileNode(
  { transaction, now, lock }: Work,
  { nodeId, vmsHashes }: NodeRecord,
  report: VmReport,
): Promise<{ changes: VmChanges; hashes: readonly string[] }> {
  const { own, placed } = report.isComplete
    ? await readClaimsAndPlaced(transaction, nodeId)
    : { own: await readClaims(transaction, nodeId), placed: [] };
  const ids = [
    ...report.present.map(({ id }) => id),
    ...report.absent,
    ...(report.isComplete ? own.keys() : []),
    ...placed,
  ].filter(isUuid);
  await lock(ids);
  const known = await readKnownVms(transaction, nodeId, { ids, own, now });
  const changes = reconcileVms(known, report);
  await applyVmChanges(transaction, nodeId, changes, now);
  const { claimed, changed, unclaimed } = changes;
  if (claimed.length + changed.length + unclaimed.length === 0 && vmsHashes.length > 0) {
    return { changes, hashes: vmsHashes };
  }
  const kept = new Map([...own].map(([id, { report: bytes }]) => [id, bytes]));
  for (const id of unclaimed) kept.delete(id);
  for (const { id, report: bytes } of [...claimed, ...changed]) kept.set(id, bytes);
  return { changes, hashes: hashVmReports([...kept.values()]) };
}

async function reconcileNodePools(
  { transaction, now }: Work,
  { nodeId, poolsHashes }: NodeRecord,
  report: PoolReport,
): Promise<{ discovered: number; rejected: readonly string[]; hashes: readonly string[] }> {
  const known = await readKnownPools(transaction, nodeId);
  const changes = reconcilePools(known, report);
  const discovered = await applyPoolChanges(transaction, nodeId, changes, now);
  const kept = new Map([...known].map(([id, { report: bytes }]) => [id, bytes]));
  const changed = changes.reported.filter(({ id, report: bytes }) => !isEqual(kept.get(id), bytes));
  const { rejected } = changes;
  if (changed.length + changes.gone.length === 0 && poolsHashes.length > 0) {
    return { discovered, rejected, hashes: poolsHashes };
  }
  for (const id of changes.gone) kept.delete(id);
  for (const { id, report: bytes } of changed) kept.set(id, bytes);
  return { discovered, rejected, hashes: hashPoolReports([...kept.values()]) };
}

/**
 * Determines the nodes of virtual machines again, after nodes became silent or came back.
 * @param nodeIds nodes whose virtual machines are checked, if other nodes claim them, too
 */
export async function settleContested(
  { transaction, now, lock }: Work,
  nodeIds: readonly string[],
): Promise<void> {
  const { rows } = await sql<{ vmId: string }>`
    SELECT DISTINCT one.vm_id FROM reported_vms AS one
    JOIN reported_vms AS other ON other.vm_id = one.vm_id AND other.node_id <> one.node_id
    WHERE one.node_id = ANY (${nodeIds}::uuid[])`.execute(transaction);
  const absent = rows.map(({ vmId }) => vmId).filter(isUuid);
  if (absent.length === 0) return;
  await lock(absent);
  const known = await readKnownVms(transaction, NOBODY, { ids: absent, own: new Map(), now });
  const report = { nodeId: NOBODY, present: [], isComplete: false, absent };
  await applyVmChanges(transaction, NOBODY, reconcileVms(known, report), now);
}
