import type { Host } from '../../api/host.ts';
import type { Pool } from '../../api/storage.ts';
import type { Vms } from '../../api/vms.ts';
import type { AssignedPool } from '../../proto/gen/quantix/v1/storage_pb.js';
import { ControlError } from '../configuration/error.ts';
import type { Clock } from './connection/clock.ts';

/** What the client of the control plane learns from the rest of the agent, asked each time it is needed. */
export interface Facts {
  /** The management address, detected anew; `null` if there is none that fits. */
  managementAddress(): Promise<string | null>;
  host(): Promise<Host>;
  vms(): Promise<Vms>;
  pools(): Promise<readonly Pool[]>;
}

/** Everything that a session needs besides its connection. */
export interface Surroundings {
  readonly facts: Facts;
  readonly agentVersion: string;
  /** Gets the whole list of pools that this host should have, each time the control plane tells it. */
  readonly onAssignedPools?: ((pools: readonly AssignedPool[]) => Promise<void>) | undefined;
  /** Gets lines for the log. */
  readonly log: (line: string) => void;
  readonly clock: Clock;
  /** 0 to 1, as `Math.random`. */
  readonly random: () => number;
}

/**
 * Asks for a fact.
 * @param what its name, for the message
 * @throws ControlError if it cannot be told
 */
export async function ask<T>(what: string, fact: () => Promise<T>): Promise<T> {
  try {
    return await fact();
  } catch (cause) {
    throw new ControlError({ what: `${what} cannot be told: ${textOf(cause)}`, cause });
  }
}

/** The message of whatever was thrown. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
