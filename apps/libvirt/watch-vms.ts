import { setTimeout as wait } from 'node:timers/promises';
import type { Vms } from '../api/vms.ts';
import { watch } from '../watch/watch.ts';
import { followEvents } from './follow-events.ts';
import { readVms } from './read-vms.ts';

/** Milliseconds between reads while events are received: some changes, such as of autostart, cause no event. */
const WITH_EVENTS = 30_000;

/** Milliseconds between reads while no events are received. */
const WITHOUT_EVENTS = 5_000;

/** Milliseconds after which virsh is assumed to listen to events: it does not say when it begins. */
const SETTLING = 2_000;

/** Milliseconds before virsh is started again: the first and the longest pause. */
const BACK_OFF = { first: 1_000, most: 30_000 };

export interface VmWatchOptions {
  /** Connection URI of libvirt. */
  uri: string;
  /** Ends the watch. */
  signal: AbortSignal;
  /** Called after the first read, and after each that differs from the one before. */
  onChange: (vms: Vms, before: Vms | undefined) => void;
}

/** A watch of the virtual machines. */
export interface VmWatch {
  /** Returns the machines: while events are received, as they were last read; otherwise, reads them now. */
  current: () => Promise<Vms>;
  /** Reads the machines now, for example after a change made by the caller. */
  refresh: () => Promise<Vms>;
  /** Resolves after the signal is aborted; rejects on a bug. */
  ended: Promise<void>;
}

/** Watches the virtual machines by libvirt's events, and by repeated reads when there are none. */
export function watchVms({ uri, signal, onChange }: VmWatchOptions): VmWatch {
  let listening = false;

  const vms = watch<Vms>({
    look: (before) => readVms({ uri, signal }, before?.vms),
    pause: () => (listening ? WITH_EVENTS : WITHOUT_EVENTS),
    onChange,
    signal,
  });

  async function listen(): Promise<void> {
    let pause = BACK_OFF.first;
    while (!signal.aborted) {
      const { libvirt } = await vms.last();
      if (libvirt.available) {
        const listened = await listenOnce();
        pause = listened ? BACK_OFF.first : Math.min(pause * 2, BACK_OFF.most);
      }
      await wait(pause, undefined, { signal });
    }
  }

  /** Listens until libvirt or virsh ends. @returns whether it has listened at all */
  async function listenOnce(): Promise<boolean> {
    const settling = setTimeout(() => {
      listening = true;
      vms.refreshSoon();
    }, SETTLING);
    try {
      await followEvents({ uri, signal }, vms.refreshSoon);
      return listening;
    } finally {
      clearTimeout(settling);
      listening = false;
      vms.refreshSoon();
    }
  }

  async function listenUntilAborted(): Promise<void> {
    try {
      await listen();
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  return {
    current: () => (listening ? vms.last() : vms.refresh()),
    refresh: vms.refresh,
    ended: Promise.all([vms.ended, listenUntilAborted()]).then(() => undefined),
  };
}
