import type { Health } from '../../api/health.ts';
import type { Build, Host } from '../../api/host.ts';
import type { Pool } from '../../api/storage.ts';
import type { Vm, Vms } from '../../api/vms.ts';
import { messageOf } from '../../error.ts';
import type { Definition } from '../../libvirt/definitions.ts';
import type { VmUse } from '../../libvirt/statistics.ts';
import type { HardwareIdentity } from '../../proto/gen/quantix/v1/host_pb.js';
import { AgentError } from '../configuration/error.ts';

/** How a service fares; `problem` is `null` for one that is ready. */
export interface ServiceFact {
  readonly name: string;
  readonly problem: string | null;
}

/** What became of an assigned pool. */
export interface AssignedFact {
  /** `AssignedPool.id`. */
  readonly id: string;
  readonly name: string;
  /** Why it is not up; `null` if it is. */
  readonly problem: string | null;
}

/** What the client of the control plane learns from the rest of the agent, asked each time it is needed. */
export interface Facts {
  /** The management address, detected anew; `null` if there is none that fits. */
  managementAddress(): Promise<string | null>;
  host(): Promise<Host>;
  /** Which machine this is, and which boot of it. */
  hardware(): Promise<HardwareIdentity>;
  /** What a scheduler of guests needs to know besides; without it nothing is said of that. */
  build?(): Promise<Build>;
  /** Names of libvirt's networks, if they are known. */
  networks?(): Promise<readonly string[] | undefined>;
  vms(): Promise<Vms>;
  /** What these machines use, of those that run; `undefined` if that cannot be told. */
  statistics?(vms: readonly Vm[]): Promise<readonly VmUse[] | undefined>;
  /** Services that the host needs, and why they do not run. */
  services?(): Promise<readonly ServiceFact[]>;
  /** What became of the pools that the control plane assigned, as far as it has told them. */
  assignedPools?(): Promise<readonly AssignedFact[]>;
  /** How the host fares, as its consoles show it; without it nothing is said of that. */
  health?(): Promise<Health>;
  /** Definitions of these machines, by UUID, as far as they are known; without it none is. */
  definitions?(vms: readonly Vm[]): Promise<ReadonlyMap<string, Definition>>;
  pools(): Promise<readonly Pool[]>;
}

/**
 * Asks for a fact.
 * @param what its name, for the message
 * @throws AgentError if it cannot be told
 */
export async function ask<T>(what: string, fact: () => Promise<T>): Promise<T> {
  try {
    return await fact();
  } catch (cause) {
    throw new AgentError({ what: `${what} cannot be told: ${messageOf(cause)}`, cause });
  }
}
