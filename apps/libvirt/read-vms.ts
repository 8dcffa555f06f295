import type { Vm, Vms } from '../api/vms.ts';
import { LibvirtError } from './error.ts';
import { type Inventory, inventoryCommands, parseInventory } from './inventory.ts';
import { type Libvirt, virsh } from './virsh.ts';

/** Rounds in which machines that come faster than they can be described are asked for. */
const ROUNDS = 4;

/** Machines described in one run: their UUIDs make one argument, which the kernel limits to 128 KiB. */
const BATCH = 1_000;

/**
 * Reads the virtual machines that libvirt has, at this moment: those that it lists last, each with its description. A
 * run of virsh describes those of `before` and lists all; only a machine that is new takes a further one. A machine that
 * is listed is there, also if libvirt does not describe it: its state is `unknown` then.
 * @param before the machines of an earlier look
 * @returns without libvirt no machines, and why
 * @throws Error whatever is not libvirt's failing, such as an aborted signal
 */
export async function readVms(libvirt: Libvirt, before: readonly Vm[] = []): Promise<Vms> {
  try {
    return await takeInventory((ids) => describe(libvirt, ids), before);
  } catch (error) {
    libvirt.signal?.throwIfAborted();
    if (!(error instanceof LibvirtError)) throw error;
    return { libvirt: { available: false, problem: error.message }, vms: [] };
  }
}

/**
 * The machines that are listed last.
 * @param look describes the machines of these UUIDs as far as it can, and lists all
 * @param before the machines of an earlier look
 */
export async function takeInventory(
  look: (ids: readonly string[]) => Promise<Inventory>,
  before: readonly Vm[],
): Promise<Vms> {
  const described = new Map<string, Vm>();
  const asked = new Set<string>();
  let wanted = before.map(({ id }) => id);
  for (let round = 1; ; round++) {
    const seen = await look(wanted);
    for (const id of wanted) asked.add(id);
    for (const [id, vm] of seen.described) described.set(id, vm);
    wanted = seen.ids.filter((id) => !described.has(id));
    if (wanted.some((id) => !asked.has(id)) && round < ROUNDS) continue;
    return {
      libvirt: { available: true, version: seen.version ?? 'unknown' },
      vms: seen.ids.map((id) => described.get(id) ?? undescribed(id, before)),
    };
  }
}

function undescribed(id: string, before: readonly Vm[]): Vm {
  const last = before.find((vm) => vm.id === id);
  const nothing = { id, name: id, cpus: 0, memory: 0, persistent: false, autostart: false };
  return { ...(last ?? nothing), state: 'unknown' };
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
