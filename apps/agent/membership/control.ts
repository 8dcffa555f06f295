import type { Health } from '../../api/health.ts';
import type { NodeConfig } from '../configuration/node-config.ts';
import { systemClock } from './connection/clock.ts';
import type { Surroundings } from './facts.ts';
import { Membership } from './membership.ts';

/** As in `GET /healthz`. */
export type ControlStatus = Health['controlPlane'];

export interface ControlOptions
  extends Omit<Surroundings, 'clock' | 'random'>,
    Partial<Pick<Surroundings, 'clock' | 'random'>> {
  /** Where key, certificates and `node.yaml` are: `/quantix/node`. */
  readonly folder: string;
  /** What `node.yaml` said; see `readNodeConfig`. */
  readonly config: Pick<NodeConfig, 'controlPlane' | 'joinToken'>;
  /** Whether `folder` outlives a reboot, asked on joining. */
  readonly isPersistent: () => Promise<boolean>;
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

/** The client of the control plane, at work. */
export interface Control {
  status(): ControlStatus;
  /** Virtual machines or storage pools may have changed. Never throws; call it as often as you like. */
  changed(): void;
  /** The management address may have changed. Never throws. */
  addressChanged(): void;
  /**
   * Joins a control plane once; if that succeeds, the node belongs to it from now on, instead of to any before.
   * @throws ControlError for the operator; everything goes on as before then
   */
  join(request: JoinRequest): Promise<Joined>;
  /** Settles when the signal has ended everything; rejects on a bug only. */
  readonly finished: Promise<void>;
}

/**
 * Starts the client of the control plane: goes on with the one that the node has joined, joins one by the token of the
 * configuration, or waits until `join` is called.
 */
export function startControl(options: ControlOptions): Control {
  const { clock = systemClock, random = Math.random } = options;
  const membership = new Membership({ ...options, clock, random });
  const finished = membership.run();
  return {
    status: () => membership.status,
    changed: () => membership.changed(),
    addressChanged: () => membership.addressChanged(),
    join: (request) => membership.join(request),
    finished,
  };
}
