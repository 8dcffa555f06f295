import type { Health } from '../../api/health.ts';
import type { AssignedPool } from '../../proto/gen/quantix/v1/storage_pb.js';
import type { Clock } from '../../watch/clock.ts';
import type { NodeConfig } from '../configuration/node-config.ts';
import type { Commands } from './command-stream.ts';
import type { Facts } from './facts.ts';

/** The state in `GET /healthz`. */
export type MembershipStatus = Health['controlPlane'];

export interface MembershipOptions {
  /** Folder of key, certificates and `node.yaml`: `/quantix/node`. */
  readonly folder: string;
  /** Contents of `node.yaml`; see `readNodeConfig`. */
  readonly config: Pick<NodeConfig, 'controlPlane' | 'joinToken'>;
  readonly facts: Facts;
  readonly agentVersion: string;
  /** Receives the whole list of pools that this host should have, each time the control plane sends it. */
  readonly onAssignedPools?: ((pools: readonly AssignedPool[]) => Promise<void>) | undefined;
  /** Receives the time servers of the control plane when they change; an empty list removes them. */
  readonly onTimeServers?: ((servers: readonly string[]) => Promise<void>) | undefined;
  /** Asks the LAN for the address of the control plane with these authorities; without it, the LAN is not asked. */
  readonly askLan?:
    | ((fingerprints: readonly string[], signal: AbortSignal) => Promise<readonly string[]>)
    | undefined;
  /** Opens the executor of tasks; without it, no tasks are requested. Called for each session. */
  readonly openCommands?: (() => Promise<Commands>) | undefined;
  /** Whether `folder` survives a reboot; asked when joining. */
  readonly isPersistent: () => Promise<boolean>;
  /** Receives lines for the log. */
  readonly log: (line: string) => void;
  readonly clock: Clock;
  /** Random number from 0 to 1, like `Math.random`. */
  readonly random: () => number;
  /** Ends the membership. */
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
  /** False if the membership is lost at a reboot. */
  readonly persistent: boolean;
}
