import type { Vm, Vms } from '../api/vms.ts';
import { LibvirtError } from './error.ts';
import { type Inventory, makeInventoryCommands, parseInventory } from './inventory.ts';
import { type Libvirt, runVirsh } from './virsh.ts';

/** Largest number of rounds if new machines keep appearing. */
const ROUNDS = 4;

/**
 * Maximum number of machines described by one run: their UUIDs form one argument, which the kernel limits to 128 KiB.
 */
const BATCH = 1_000;

/**
 * Reads the virtual machines that libvirt has at this moment: those in its last list, each with its description. One
 * run of virsh describes the machines of `before` and lists all; another run is necessary only for new machines. A
 * machine that libvirt lists but does not describe has the state `unknown`.
 * @param before machines of an earlier call
 * @returns the machines; if libvirt does not answer, none and the reason
 * @throws Error for anything that is not a failure of libvirt, such as an aborted signal
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
 * Returns the machines in the last list.
 * @param look describes the machines of these UUIDs as far as it can, and lists all
 * @param before machines of an earlier call
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

/** Describes machines in as many runs as necessary; returns the list of the last run. */
async function describe(libvirt: Libvirt, ids: readonly string[]): Promise<Inventory> {
  const described = new Map<string, Vm>();
  for (let start = 0; ; start += BATCH) {
    const batch = ids.slice(start, start + BATCH);
    const look = parseInventory(await runVirsh(libvirt, [makeInventoryCommands(batch)]));
    for (const [id, vm] of look.described) described.set(id, vm);
    if (start + BATCH >= ids.length) return { ...look, described };
  }
}
