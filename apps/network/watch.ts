import { setTimeout as wait } from 'node:timers/promises';
import { CommandError } from '../process/command-error.ts';
import { streamLines } from '../process/stream-lines.ts';
import { combineBursts } from './burst.ts';

/** Path of iproute2's `ip`: busybox has an `ip` too, which cannot monitor, and some shells prefer it. */
const IP = '/sbin/ip';
const MONITOR = ['-o', 'monitor', 'link', 'address', 'route'];

/** Milliseconds in which changes are combined: one change of an address causes a dozen messages. */
const GATHERING = 100;

/** Milliseconds after its start when a monitor is assumed to listen. */
const SETTLING = 1_000;

/** Milliseconds before a monitor that ended is started again: the first and the longest pause. */
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;

/** How the network is watched. */
export interface WatchOptions {
  /** Ends the watch when aborted. */
  signal: AbortSignal;
  /** Called each time the monitor ends, with a line for a log. */
  onProblem: (problem: string) => void;
}

/**
 * Calls back after changes of links, addresses and routes, combining bursts, until the signal is aborted. The call does
 * not say what changed. There is also a call after each start of the monitor, for changes before it listened.
 * @returns when the signal is aborted
 */
export async function watchNetwork(
  { signal, onProblem }: WatchOptions,
  onChange: () => void,
): Promise<void> {
  const changes = combineBursts(GATHERING, onChange);
  let pause = FIRST_PAUSE;
  while (!signal.aborted) {
    const start = combineBursts(SETTLING, onChange);
    start.note();
    try {
      for await (const _line of streamLines(IP, MONITOR, { signal })) {
        pause = FIRST_PAUSE;
        changes.note();
      }
      if (!signal.aborted) onProblem(`${IP} monitor ended`);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      onProblem(error.message);
    } finally {
      start.cancel();
    }
    await paused(pause, signal);
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  }
  changes.cancel();
}

async function paused(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await wait(milliseconds, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
