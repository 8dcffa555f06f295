import { setTimeout as wait } from 'node:timers/promises';
import type { Vms } from '../api/vms.ts';
import { Bell } from './bell.ts';
import { followEvents } from './follow-events.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { readVms } from './read-vms.ts';

/** Milliseconds between looks while events come in: for what has no event, such as automatic start. */
const WITH_EVENTS = 30_000;

/** Milliseconds between looks while no events come in. */
const WITHOUT_EVENTS = 5_000;

/** Milliseconds after which virsh surely listens to events: it does not say since when it does. */
const SETTLING = 2_000;

/** Milliseconds before virsh is made to listen again: at first, and at most. */
const BACK_OFF = { first: 1_000, most: 30_000 };

export interface WatchOptions {
  /** Connection URI of libvirt. */
  uri: string;
  /** Ends the watch. */
  signal: AbortSignal;
  /** Called with the first look, and with each that differs from the one before. */
  onChange: (vms: Vms) => void;
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
export function watchVms({ uri, signal, onChange }: WatchOptions): VmWatch {
  let last: Vms | undefined;
  let listening = false;
  const bell = new Bell();

  const refresh = oneAtATime(async () => {
    const known = last?.vms.map(({ id }) => id) ?? [];
    const vms = await readVms({ uri, signal }, known);
    if (JSON.stringify(vms) === JSON.stringify(last)) return vms;
    last = vms;
    onChange(vms);
    return vms;
  });

  async function look(): Promise<never> {
    for (;;) {
      await refresh();
      await bell.wait(listening ? WITH_EVENTS : WITHOUT_EVENTS, signal);
    }
  }

  async function listen(): Promise<never> {
    for (let pause = BACK_OFF.first; ; ) {
      await wait(pause, undefined, { signal });
      if (last?.libvirt.available !== true) continue;
      const settled = await listenOnce();
      pause = settled ? BACK_OFF.first : Math.min(pause * 2, BACK_OFF.most);
    }
  }

  /** Listens until libvirt or virsh goes away. Returns whether it came to listen at all. */
  async function listenOnce(): Promise<boolean> {
    const settling = setTimeout(() => {
      listening = true;
      bell.ring();
    }, SETTLING);
    try {
      await followEvents({ uri, signal }, () => bell.ring());
      return listening;
    } finally {
      clearTimeout(settling);
      listening = false;
      bell.ring();
    }
  }

  return {
    current: async () => (listening && last !== undefined ? last : await refresh()),
    refresh,
    ended: Promise.all([look(), listen()]).then(
      () => undefined,
      (error: unknown) => {
        if (!signal.aborted) throw error;
      },
    ),
  };
}
