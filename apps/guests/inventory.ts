import type { Vm } from '../api/vms.ts';
import { LibvirtError } from '../libvirt/error.ts';
import { readVms } from '../libvirt/read-vms.ts';
import { type Libvirt, virsh } from '../libvirt/virsh.ts';
import { type GuestPolicy, parsePolicy } from './policy.ts';

/** States in which a guest has no process. */
const ENDED: readonly Vm['state'][] = ['shutoff'];

/** A guest, and what is to become of it. */
export interface Guest extends Vm {
  policy: GuestPolicy;
}

/** Whether there is something of a guest to stop. */
export function runs({ state }: Pick<Vm, 'state'>): boolean {
  return !ENDED.includes(state);
}

/** All guests that libvirt has now, in the order in which they start. @throws LibvirtError if it does not answer */
export async function readGuests(libvirt: Libvirt): Promise<Guest[]> {
  const told = await readVms(libvirt);
  if (!told.libvirt.available) throw new LibvirtError('unavailable', told.libvirt.problem);
  const guests = await Promise.all(
    told.vms.map(async (vm) => ({ ...vm, policy: await readPolicy(libvirt, vm) })),
  );
  return guests.sort(
    (a, b) => a.policy.order - b.policy.order || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  );
}

/** A guest that is gone meanwhile has the policy of one that says nothing. */
async function readPolicy(libvirt: Libvirt, { id, persistent }: Vm): Promise<GuestPolicy> {
  try {
    const which = persistent ? ['--inactive'] : [];
    return parsePolicy(await virsh(libvirt, ['dumpxml', id, ...which]));
  } catch (error) {
    if (!(error instanceof LibvirtError) || error.failure === 'unavailable') throw error;
    return parsePolicy('');
  }
}
