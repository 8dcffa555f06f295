import type { Health } from '../../api/health.ts';
import type { Build, Host } from '../../api/host.ts';
import type { Pool } from '../../api/storage.ts';
import type { Vm, Vms } from '../../api/vms.ts';
import { messageOf } from '../../error.ts';
import type { Definition } from '../../libvirt/definitions.ts';
import type { VmUse } from '../../libvirt/statistics.ts';
import type { HardwareIdentity } from '../../proto/gen/quantix/v1/host_pb.js';
import { AgentError } from '../configuration/error.ts';

/** State of a service; `problem` is `null` if it is ready. */
export interface ServiceFact {
  readonly name: string;
  readonly problem: string | null;
}

/** State of an assigned pool. */
export interface AssignedFact {
  /** `AssignedPool.id`. */
  readonly id: string;
  readonly name: string;
  /** Why it is not up; `null` if it is. */
  readonly problem: string | null;
}

/** Facts that the client of the control plane reads from the rest of the agent; each call reads them again. */
export interface Facts {
  /** Detects the management address; returns `null` if there is none. */
  managementAddress(): Promise<string | null>;
  host(): Promise<Host>;
  /** Returns the identity of the machine and of its boot. */
  hardware(): Promise<HardwareIdentity>;
  /** Returns the facts for a scheduler of guests; if this function is absent, they are not reported. */
  build?(): Promise<Build>;
  /** Returns the names of libvirt's networks, if they are known. */
  networks?(): Promise<readonly string[] | undefined>;
  vms(): Promise<Vms>;
  /** Returns the resource use of the running machines among these; `undefined` if it is not known. */
  statistics?(vms: readonly Vm[]): Promise<readonly VmUse[] | undefined>;
  /** Returns the services that the host needs, each with the reason if it does not run. */
  services?(): Promise<readonly ServiceFact[]>;
  /** Returns the state of the pools that the control plane assigned, as far as it is known. */
  assignedPools?(): Promise<readonly AssignedFact[]>;
  /** Returns the host's health, as its consoles show it; if this function is absent, health is not reported. */
  health?(): Promise<Health>;
  /** Returns the known definitions of these machines, by UUID; if this function is absent, none are reported. */
  definitions?(vms: readonly Vm[]): Promise<ReadonlyMap<string, Definition>>;
  pools(): Promise<readonly Pool[]>;
}

/**
 * Reads a fact.
 * @param what its name, for the message
 * @throws AgentError if it cannot be read
 */
export async function ask<T>(what: string, fact: () => Promise<T>): Promise<T> {
  try {
    return await fact();
  } catch (cause) {
    throw new AgentError({ what: `${what} cannot be read: ${messageOf(cause)}`, cause });
  }
}
