import type { Health } from '../../api/health.ts';
import type { Host } from '../../api/host.ts';
import type { Pool } from '../../api/storage.ts';
import type { Vm, Vms } from '../../api/vms.ts';
import { messageOf } from '../../error.ts';
import type { Definition } from '../../libvirt/definitions.ts';
import type { HardwareIdentity } from '../../proto/gen/quantix/v1/host_pb.js';
import { AgentError } from '../configuration/error.ts';

/** What the client of the control plane learns from the rest of the agent, asked each time it is needed. */
export interface Facts {
  /** The management address, detected anew; `null` if there is none that fits. */
  managementAddress(): Promise<string | null>;
  host(): Promise<Host>;
  /** Which machine this is, and which boot of it. */
  hardware(): Promise<HardwareIdentity>;
  vms(): Promise<Vms>;
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
