import type { Logger } from '../../log/logger.ts';
import type {
  HeartbeatRequest,
  HeartbeatResponse,
  NotifyStorageChangeRequest,
  NotifyStorageChangeResponse,
  NotifyVMChangeRequest,
  NotifyVMChangeResponse,
  SyncFullStateRequest,
  SyncFullStateResponse,
} from '../../proto/gen/quantix/v1/node_service_pb.js';
import type { Kept } from '../../proto/gen/quantix/v1/position_pb.js';
import type { Election } from '../coordination/election.ts';
import type { Database, Executor } from '../database/database.ts';
import { ControlPlaneError } from '../error.ts';

/** Seconds between two heartbeats of a node, as it is told. */
export const HEARTBEAT_INTERVAL = 30;

/** Most parts that a full state may have; each is at most 1 MiB, which whoever reads the stream sees to. */
export const MOST_PARTS = 64;

/**
 * What becomes of the state that nodes report. A node is named by the key of its certificate. The answers are whole but for
 * what the control plane tells of itself: its version, the trust bundle's, its endpoints and time servers.
 *
 * Each of them throws
 * - RefusedCallError, where the answer is a refusal,
 * - MalformedMessageError, where the message is none: `invalid_argument`, without a refusal,
 * - NotLeaderError or FencedError, where another program leads: `unavailable`, so that the node tries its next endpoint,
 * - anything else where the database does not do it: `unavailable`, too.
 */
export interface NodeState {
  heartbeat(nodeId: string, request: HeartbeatRequest): Promise<HeartbeatResponse>;
  /** @param parts as they come down the stream; what they hold is applied when the last one is there, or not at all */
  syncFullState(
    nodeId: string,
    parts: AsyncIterable<SyncFullStateRequest>,
  ): Promise<SyncFullStateResponse>;
  notifyVmChange(nodeId: string, request: NotifyVMChangeRequest): Promise<NotifyVMChangeResponse>;
  notifyStorageChange(
    nodeId: string,
    request: NotifyStorageChangeRequest,
  ): Promise<NotifyStorageChangeResponse>;
}

export interface NodeStateOptions {
  readonly database: Database;
  /** Only the leader applies what nodes report. */
  readonly leadership: Pick<Election, 'asLeader'>;
  readonly log: Logger;
  /** Seconds. */
  readonly heartbeatInterval?: number;
  /** Told of each message of a node that was taken, so that the monitor knows when it was heard of. */
  readonly onHeard?: (nodeId: string) => void;
}

/** Takes what nodes report. */
export function openNodeState(_options: NodeStateOptions): NodeState {
  return {
    heartbeat: async () => notThere(),
    syncFullState: async () => notThere(),
    notifyVmChange: async () => notThere(),
    notifyStorageChange: async () => notThere(),
  };
}

/** The positions that are kept of a node, for `RegisterResponse.kept`; both unset if it is not known. */
export async function readKept(_db: Executor, _nodeId: string): Promise<Kept> {
  return notThere();
}

function notThere(): never {
  throw new ControlPlaneError({ what: 'this control plane cannot take the state of nodes yet' });
}
