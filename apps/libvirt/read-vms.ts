import type { Vm, Vms } from '../api/vms.ts';
import { LibvirtError } from './error.ts';
import { type Inventory, inventoryCommands, parseInventory } from './inventory.ts';
import { type Libvirt, virsh } from './virsh.ts';

/** Rounds after which machines that come and go faster than they can be described are left out. */
const ROUNDS = 4;

/** Machines described in one run: their UUIDs make one argument, which the kernel limits to 128 KiB. */
const BATCH = 1_000;

/**
 * Reads the virtual machines that libvirt has, at this moment: those that it lists last, each with its description. A
 * run of virsh describes those of `known` and lists all; only a machine that is new takes a further one.
 * @param known UUIDs of an earlier look
 * @returns without libvirt no machines, and why
 * @throws Error whatever is not libvirt's failing, such as an aborted signal
 */
export async function readVms(libvirt: Libvirt, known: readonly string[] = []): Promise<Vms> {
  try {
    return await inventory(libvirt, known);
  } catch (error) {
    libvirt.signal?.throwIfAborted();
    if (!(error instanceof LibvirtError)) throw error;
    return { libvirt: { available: false, problem: error.message }, vms: [] };
  }
}

async function inventory(libvirt: Libvirt, known: readonly string[]): Promise<Vms> {
  const described = new Map<string, Vm>();
  let wanted = known;
  for (let round = 1; ; round++) {
    const look = await describe(libvirt, wanted);
    for (const [id, vm] of look.described) described.set(id, vm);
    wanted = look.ids.filter((id) => !described.has(id));
    if (wanted.length > 0 && round < ROUNDS) continue;
    return {
      libvirt: { available: true, version: look.version ?? 'unknown' },
      vms: look.ids.flatMap((id) => described.get(id) ?? []),
    };
  }
}

/** Describes machines, in as many runs as it takes; the list is the last one's. */
async function describe(libvirt: Libvirt, ids: readonly string[]): Promise<Inventory> {
  const described = new Map<string, Vm>();
  for (let start = 0; ; start += BATCH) {
    const batch = ids.slice(start, start + BATCH);
    const look = parseInventory(await virsh(libvirt, [inventoryCommands(batch)]));
    for (const [id, vm] of look.described) described.set(id, vm);
    if (start + BATCH >= ids.length) return { ...look, described };
  }
}
