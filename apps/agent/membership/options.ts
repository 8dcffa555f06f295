import type { Health } from '../../api/health.ts';
import type { AssignedPool } from '../../proto/gen/quantix/v1/storage_pb.js';
import type { Clock } from '../../watch/clock.ts';
import type { NodeConfig } from '../configuration/node-config.ts';
import type { Commands } from './command-stream.ts';
import type { Facts } from './facts.ts';

/** As in `GET /healthz`. */
export type MembershipStatus = Health['controlPlane'];

export interface MembershipOptions {
  /** Where key, certificates and `node.yaml` are: `/quantix/node`. */
  readonly folder: string;
  /** What `node.yaml` said; see `readNodeConfig`. */
  readonly config: Pick<NodeConfig, 'controlPlane' | 'joinToken'>;
  readonly facts: Facts;
  readonly agentVersion: string;
  /** Gets the whole list of pools that this host should have, each time the control plane tells it. */
  readonly onAssignedPools?: ((pools: readonly AssignedPool[]) => Promise<void>) | undefined;
  /** Gets the time servers that the control plane hands down when they are others than before; none withdraws them. */
  readonly onTimeServers?: ((servers: readonly string[]) => Promise<void>) | undefined;
  /** Asks the LAN where the control plane of these authorities answers; without it nobody is asked. */
  readonly askLan?:
    | ((fingerprints: readonly string[], signal: AbortSignal) => Promise<readonly string[]>)
    | undefined;
  /** Opens what does what the control plane wants done; without it nothing is asked for. Called with each session. */
  readonly openCommands?: (() => Promise<Commands>) | undefined;
  /** Whether `folder` outlives a reboot, asked on joining. */
  readonly isPersistent: () => Promise<boolean>;
  /** Gets lines for the log. */
  readonly log: (line: string) => void;
  readonly clock: Clock;
  /** 0 to 1, as `Math.random`. */
  readonly random: () => number;
  /** Ends everything. */
  readonly signal: AbortSignal;
}

export interface JoinRequest {
  /** `https://host` or `https://host:port`, as typed. */
  readonly controlPlane: string;
  /** `qxj1.…`, as typed. */
  readonly token: string;
}

export interface Joined {
  readonly nodeId: string;
  readonly controlPlane: string;
  /** False if a reboot forgets that the node has joined. */
  readonly persistent: boolean;
}
