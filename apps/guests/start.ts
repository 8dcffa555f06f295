import { readNames } from '../host/read.ts';
import { LibvirtError } from '../libvirt/error.ts';
import { type Libvirt, virsh } from '../libvirt/virsh.ts';
import { type Guest, readGuests, runs } from './inventory.ts';
import type { GuestPlaces } from './places.ts';
import type { GuestSettings } from './settings.ts';

/** Milliseconds that libvirt may take to start a guest, or to read the memory of one that was saved. */
const PATIENCE = 600_000;

export interface StartOptions {
  libvirt: Libvirt;
  places: Pick<GuestPlaces, 'ran'>;
  settings: Pick<GuestSettings, 'startWhatRan'>;
  say: (line: string) => void;
}

/**
 * Starts guests after a boot, one after the other in their order: those that are marked autostart, those that were saved when
 * the host went down, and where the settings say so all that ran then. One that does not start holds up no other.
 * @returns names of those that did not start
 * @throws LibvirtError if libvirt does not answer
 */
export async function startGuests({
  libvirt,
  places,
  settings,
  say,
}: StartOptions): Promise<string[]> {
  const guests = await readGuests(libvirt);
  const ran = new Set(await readNames(places.ran));
  const failed: string[] = [];
  for (const guest of guests) {
    if (runs(guest) || !(await isWanted(guest))) continue;
    try {
      await virsh(libvirt, ['start', guest.id], PATIENCE);
      say(`${guest.name} is started`);
    } catch (error) {
      if (!(error instanceof LibvirtError) || error.failure === 'unavailable') throw error;
      failed.push(guest.name);
      say(`${guest.name} does not start: ${error.message}`);
    }
  }
  return failed;

  async function isWanted({ id, autostart }: Guest): Promise<boolean> {
    if (autostart) return true;
    if (!ran.has(id)) return false;
    return settings.startWhatRan || (await isSaved(id));
  }

  async function isSaved(id: string): Promise<boolean> {
    return /^Managed save: +yes$/m.test(await virsh(libvirt, ['dominfo', id]));
  }
}
