import type { Pool } from '../../../api/storage.ts';
import type { Vms } from '../../../api/vms.ts';
import type { Hypervisor } from '../../../proto/gen/quantix/v1/vm_pb.js';
import { type Surroundings, textOf } from '../facts.ts';
import { byId, type Inventory } from './inventory.ts';
import { poolMessage } from './pool-message.ts';
import { hypervisorMessage, type VmMessages } from './vm-message.ts';

export interface Observation extends Inventory {
  readonly hypervisor: Hypervisor;
}

/** Looks at the host. What cannot be seen is not known, which is not the same as not there. */
export async function observe(
  { facts, log, clock }: Surroundings,
  messages: VmMessages,
): Promise<Observation> {
  const [vms, pools] = await Promise.all([
    facts.vms().catch((error: unknown): Vms => {
      log(`virtual machines cannot be seen: ${textOf(error)}`);
      return { libvirt: { available: false, problem: textOf(error) }, vms: [] };
    }),
    facts.pools().catch((error: unknown): undefined => {
      log(`storage pools cannot be seen: ${textOf(error)}`);
    }),
  ]);
  return {
    hypervisor: hypervisorMessage(vms),
    vms: vms.libvirt.available ? byId(messages.of(vms.vms, clock.now())) : undefined,
    pools: pools === undefined ? undefined : byId(pools.map((pool: Pool) => poolMessage(pool))),
  };
}
