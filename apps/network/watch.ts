import { setTimeout as wait } from 'node:timers/promises';
import { CommandError } from '../process/command-error.ts';
import { streamLines } from '../process/stream-lines.ts';
import { burst } from './burst.ts';

/** iproute2's, at its place: busybox has an `ip` too, which cannot monitor, and some shells take that one. */
const IP = '/sbin/ip';
const MONITOR = ['-o', 'monitor', 'link', 'address', 'route'];

/** Milliseconds for which changes are gathered: one change of address makes a dozen messages. */
const GATHERING = 100;

/** Milliseconds after which a monitor that was just started listens. */
const SETTLING = 1_000;

/** Milliseconds before a monitor that ended is started again: at first, and at most. */
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;

/** How the network is watched. */
export interface WatchOptions {
  /** Ends the watch when aborted. */
  signal: AbortSignal;
  /** Told each time that the monitor ended, in a line for a log. */
  onProblem: (problem: string) => void;
}

/**
 * Tells of changes of links, addresses and routes as the kernel makes them, bursts as one, until the signal. It does not
 * say what changed: ask anew. Also tells once after each start of the monitor, for what was missed before it listened.
 * @returns when the signal was aborted
 */
export async function watchNetwork(
  { signal, onProblem }: WatchOptions,
  onChange: () => void,
): Promise<void> {
  const changes = burst(GATHERING, onChange);
  let pause = FIRST_PAUSE;
  while (!signal.aborted) {
    const start = burst(SETTLING, onChange);
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
