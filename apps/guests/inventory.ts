import type { Vm } from '../api/vms.ts';
import { LibvirtError } from '../libvirt/error.ts';
import { readVms } from '../libvirt/read-vms.ts';
import { type Libvirt, runVirsh } from '../libvirt/virsh.ts';
import { type GuestPolicy, parsePolicy } from './policy.ts';

/** States in which a guest has no process. */
const ENDED: readonly Vm['state'][] = ['shutoff'];

/** A guest, and its policy for when the host stops and starts. */
export interface Guest extends Vm {
  policy: GuestPolicy;
}

/** Returns whether a guest has a process. */
export function isRunning({ state }: Pick<Vm, 'state'>): boolean {
  return !ENDED.includes(state);
}

/** Reads all guests, in their start order. @throws LibvirtError if libvirt does not answer */
export async function readGuests(libvirt: Libvirt): Promise<Guest[]> {
  const listed = await readVms(libvirt);
  if (!listed.libvirt.available) throw new LibvirtError('unavailable', listed.libvirt.problem);
  const guests = await Promise.all(
    listed.vms.map(async (vm) => ({ ...vm, policy: await readPolicy(libvirt, vm) })),
  );
  return guests.sort(
    (a, b) => a.policy.order - b.policy.order || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  );
}

/** Reads the policy of a guest; a guest that no longer exists has the default policy. */
async function readPolicy(libvirt: Libvirt, { id, persistent }: Vm): Promise<GuestPolicy> {
  try {
    const which = persistent ? ['--inactive'] : [];
    return parsePolicy(await runVirsh(libvirt, ['dumpxml', id, ...which]));
  } catch (error) {
    if (!(error instanceof LibvirtError) || error.failure === 'unavailable') throw error;
    return parsePolicy('');
  }
}
