import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { LibvirtError } from '../libvirt/error.ts';
import { type Libvirt, runVirsh } from '../libvirt/virsh.ts';
import { type Guest, isRunning, readGuests } from './inventory.ts';
import { type GuestPlaces, isThere } from './places.ts';

/** Milliseconds between checks. */
const PAUSE = 500;
/** Milliseconds after which a guest is asked again: one that was still booting may have missed the request. */
const ASK_AGAIN = 10_000;

export interface StopOptions {
  libvirt: Libvirt;
  places: GuestPlaces;
  /** Seconds that the guests have to stop. */
  within: number;
  /** Receives progress messages for people, one line each. */
  say: (line: string) => void;
}

/**
 * Stops all guests of a host that is going down: asks each to shut down, or saves it if its policy says so. Guests that
 * still run when the time is over, or when `places.cutShort` is created, are powered off.
 * @returns names of the guests that were powered off
 * @throws LibvirtError if libvirt does not answer before the time is over or `places.cutShort` is created
 */
export async function stopGuests(options: StopOptions): Promise<string[]> {
  const { places } = options;
  await rm(places.cutShort, { force: true });
  await report(places, 'asking libvirt which guests run');
  try {
    return await stop(options);
  } finally {
    // The hook must not change its records until the host is down, so this file stays; only an aborted stop removes it.
    if (options.libvirt.signal?.aborted) await rm(places.stopping, { force: true });
  }
}

async function stop({ libvirt, places, within, say }: StopOptions): Promise<string[]> {
  const end = performance.now() + within * 1000;
  const running = await patiently(() => readRunning(libvirt));
  if (running.length === 0) return [];
  say(`${running.length} guests have ${within} s to shut down`);
  const saves = new Map<string, Promise<void>>();
  const asked = new Map<string, number>();
  for (;;) {
    const left = await patiently(() => stillRunning(libvirt, running));
    if (left.length === 0) {
      await Promise.all(saves.values());
      say('all guests have shut down');
      return [];
    }
    const seconds = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    await report(
      places,
      `${left.length} of ${running.length} guests still run, ${seconds} s left: ${namesOf(left)}`,
    );
    if (seconds === 0 || (await isThere(places.cutShort))) {
      say(`cutting the power of ${namesOf(left)}`);
      await Promise.all(left.map(({ id }) => attempt(libvirt, ['destroy', id], say)));
      return left.map(({ name }) => name);
    }
    for (const guest of left) {
      if (saves.has(guest.id)) continue;
      if (wantsSave(guest)) {
        saves.set(guest.id, save(libvirt, guest, say));
      } else if (
        performance.now() - (asked.get(guest.id) ?? Number.NEGATIVE_INFINITY) >
        ASK_AGAIN
      ) {
        asked.set(guest.id, performance.now());
        await attempt(libvirt, ['shutdown', guest.id], say);
      }
    }
    await wait(PAUSE, undefined, { signal: libvirt.signal });
  }

  /**
   * Asks libvirt until it answers or the time is over: libvirt may be restarting, and without waiting for it, guests
   * would be powered off with the host.
   */
  async function patiently<T>(question: () => Promise<T>): Promise<T> {
    for (let reported = ''; ; ) {
      try {
        return await question();
      } catch (error) {
        if (!(error instanceof LibvirtError) || error.failure !== 'unavailable') throw error;
        if (performance.now() >= end || (await isThere(places.cutShort))) throw error;
        const line = `libvirt is waited for: ${error.message}`;
        if (line !== reported) {
          say(line);
          await report(places, line);
        }
        reported = line;
        await wait(PAUSE, undefined, { signal: libvirt.signal });
      }
    }
  }

  /** Saves a guest. If that fails, changes its policy in memory, so that it is asked to shut down. */
  async function save(from: Libvirt, guest: Guest, report: (line: string) => void): Promise<void> {
    if (await attempt(from, ['managedsave', guest.id], report, within * 1000)) return;
    guest.policy = { ...guest.policy, stop: 'shutdown' };
    guest.state = 'running';
    saves.delete(guest.id);
  }
}

/** Returns whether a guest is to be saved: by its policy, or because it is paused and cannot shut down. */
function wantsSave({ policy, state, persistent }: Guest): boolean {
  return persistent && (policy.stop === 'save' || state === 'paused' || state === 'pmsuspended');
}

async function readRunning(libvirt: Libvirt): Promise<Guest[]> {
  return (await readGuests(libvirt)).filter(isRunning);
}

/**
 * Returns the guests that still run. A guest whose start was under way when `guests` were read is added to them.
 */
async function stillRunning(libvirt: Libvirt, guests: Guest[]): Promise<Guest[]> {
  const listed = (await runVirsh(libvirt, ['list', '--uuid']))
    .split('\n')
    .map((line) => line.trim())
    .filter((id) => id !== '');
  const known = new Set(guests.map(({ id }) => id));
  if (listed.some((id) => !known.has(id))) {
    guests.push(...(await readRunning(libvirt)).filter(({ id }) => !known.has(id)));
  }
  return guests.filter(({ id }) => listed.includes(id));
}

/** Runs a command on a guest. Reports why it failed, unless the guest has ended. @returns whether it succeeded */
async function attempt(
  libvirt: Libvirt,
  command: readonly string[],
  say: (line: string) => void,
  timeout?: number,
): Promise<boolean> {
  try {
    await runVirsh(libvirt, command, timeout);
    return true;
  } catch (error) {
    if (libvirt.signal?.aborted) return false;
    if (!(error instanceof LibvirtError)) throw error;
    if (!/domain is not running|not-found/.test(`${error.message} ${error.failure}`)) {
      say(`${command.join(' ')}: ${error.message}`);
    }
    return false;
  }
}

/** Writes the progress file. */
async function report({ stopping }: GuestPlaces, line: string): Promise<void> {
  await mkdir(dirname(stopping), { recursive: true });
  await writeFile(`${stopping}.new`, `${line}\n`);
  await rename(`${stopping}.new`, stopping);
}

const namesOf = (guests: readonly Guest[]) => guests.map(({ name }) => name).join(', ');
