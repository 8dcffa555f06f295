import { readNames } from '../host/read.ts';
import { LibvirtError } from '../libvirt/error.ts';
import { type Libvirt, runVirsh } from '../libvirt/virsh.ts';
import { type Clock, systemClock } from '../watch/clock.ts';
import { type Guest, isRunning, readGuests } from './inventory.ts';
import { type GuestPlaces, isThere } from './places.ts';
import type { GuestSettings } from './settings.ts';

/** Milliseconds before libvirt is asked again after it did not answer. */
const ASK_AGAIN_AFTER = 5_000;

/** Milliseconds that libvirt may take to start a guest, or to restore a saved one. */
const PATIENCE = 600_000;

export interface StartOptions {
  libvirt: Libvirt;
  places: Pick<GuestPlaces, 'ran' | 'stopping'>;
  settings: Pick<GuestSettings, 'startWhatRan'>;
  say: (line: string) => void;
  clock?: Pick<Clock, 'sleep'>;
}

/**
 * Starts guests after a boot, one after the other in their order: those marked autostart, those that were saved when
 * the host went down, and, if the settings say so, all that ran then. A guest that does not start does not delay the
 * others. Waits for libvirt without a limit: on a slow host it answers late, and nothing else would start the guests.
 * Starts no further guest once the host goes down.
 * @returns names of the guests that did not start
 * @throws LibvirtError if libvirt does not answer before the signal is aborted or the host goes down
 */
export async function startGuests(options: StartOptions): Promise<string[]> {
  const { libvirt, places, say, clock = systemClock } = options;
  const { signal = new AbortController().signal } = libvirt;
  const round = { options, seen: new Set<string>(), failed: [] };
  for (let reported = ''; ; ) {
    try {
      await startRound(round);
      return round.failed;
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      if (error.message !== reported) say(`waiting for libvirt: ${error.message}`);
      reported = error.message;
      await clock.sleep(ASK_AGAIN_AFTER, signal);
      if (signal.aborted || (await isThere(places.stopping))) throw error;
    }
  }
}

interface Round {
  readonly options: StartOptions;
  /** Ids of guests that have been handled; they are not started again, even if they have ended since. */
  readonly seen: Set<string>;
  /** Names of guests that did not start. */
  readonly failed: string[];
}

/** Starts the guests that have not been handled. @throws LibvirtError if libvirt does not answer */
async function startRound({ options, seen, failed }: Round): Promise<void> {
  const { libvirt, places, settings, say } = options;
  const guests = await readGuests(libvirt);
  const ran = new Set(await readNames(places.ran));
  for (const guest of guests) {
    if (seen.has(guest.id) || isRunning(guest) || !(await isWanted(guest))) continue;
    // The stop of the guests would not wait for a guest that starts after it has ended.
    if (await isThere(places.stopping)) {
      say('the host goes down: no further guest is started');
      return;
    }
    try {
      await runVirsh(libvirt, ['start', guest.id], PATIENCE);
      say(`${guest.name} is started`);
    } catch (error) {
      if (!(error instanceof LibvirtError) || error.failure === 'unavailable') throw error;
      failed.push(guest.name);
      say(`${guest.name} does not start: ${error.message}`);
    }
    seen.add(guest.id);
  }

  async function isWanted({ id, autostart }: Guest): Promise<boolean> {
    if (autostart) return true;
    if (!ran.has(id)) return false;
    return settings.startWhatRan || (await isSaved(id));
  }

  async function isSaved(id: string): Promise<boolean> {
    return /^Managed save: +yes$/m.test(await runVirsh(libvirt, ['dominfo', id]));
  }
}

function isUnavailable(error: unknown): error is LibvirtError {
  return error instanceof LibvirtError && error.failure === 'unavailable';
}
