import { setTimeout as wait } from 'node:timers/promises';
import type { Vms } from '../api/vms.ts';
import { watch } from '../watch/watch.ts';
import { followEvents } from './follow-events.ts';
import { readVms } from './read-vms.ts';

/** Milliseconds between looks while events come in: for what has no event, such as automatic start. */
const WITH_EVENTS = 30_000;

/** Milliseconds between looks while no events come in. */
const WITHOUT_EVENTS = 5_000;

/** Milliseconds after which virsh surely listens to events: it does not say since when it does. */
const SETTLING = 2_000;

/** Milliseconds before virsh is made to listen again: at first, and at most. */
const BACK_OFF = { first: 1_000, most: 30_000 };

export interface VmWatchOptions {
  /** Connection URI of libvirt. */
  uri: string;
  /** Ends the watch. */
  signal: AbortSignal;
  /** Called with the first look, and with each that differs from the one before. */
  onChange: (vms: Vms, before: Vms | undefined) => void;
}

/** A watch of the virtual machines. */
export interface VmWatch {
  /** The machines as they are: while libvirt sends events the last look, else a new one. */
  current: () => Promise<Vms>;
  /** Looks anew, as one should after a change of one's own. */
  refresh: () => Promise<Vms>;
  /** Resolves after the signal is aborted; rejects on a bug. */
  ended: Promise<void>;
}

/** Watches the virtual machines by libvirt's events, and by looking again and again while there are none. */
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

  /** Listens until libvirt or virsh goes away. Returns whether it came to listen at all. */
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
