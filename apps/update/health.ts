import { messageOf } from '../error.ts';
import type { Clock } from '../watch/clock.ts';

/** Checks the whole machine. @returns its problems, one line each */
export type Probe = (signal: AbortSignal) => Promise<readonly string[]>;

/** Settings for watching a machine's health. */
export interface Watch {
  probe: Probe;
  /** Milliseconds without a problem after which it counts as healthy. */
  hold: number;
  /** Milliseconds after which the watch ends. */
  deadline: number;
  clock: Clock;
  signal: AbortSignal;
  /** Receives the problems each time they change. */
  onProblems?: (problems: readonly string[]) => void;
}

/** Milliseconds between two checks. */
const INTERVAL = 5_000;

/**
 * Waits until there has been no problem for the time `hold`.
 * @returns an empty list once the machine is healthy. Otherwise at least one problem, as soon as the machine can no
 *   longer become healthy before the deadline
 * @throws the signal's reason
 */
export async function awaitHealth({
  probe,
  hold,
  deadline,
  clock,
  signal,
  onProblems,
}: Watch): Promise<readonly string[]> {
  const start = clock.elapsed();
  let wellSince: number | undefined;
  let seen = '';
  for (;;) {
    const problems = await looked(probe, signal);
    signal.throwIfAborted();
    const now = clock.elapsed();
    if (problems.join('\n') !== seen) onProblems?.(problems);
    seen = problems.join('\n');
    wellSince = problems.length === 0 ? (wellSince ?? now) : undefined;
    if (wellSince !== undefined && now - wellSince >= hold) return [];
    // Even if the problems end now, the time `hold` is not over before the deadline.
    if (problems.length > 0 && now - start + hold >= deadline) return problems;
    if (now - start >= deadline) return [`it was not well for ${hold / 60_000} minutes`];
    await clock.sleep(INTERVAL, signal);
    signal.throwIfAborted();
  }
}

/** Runs the probe; its error counts as a problem. */
async function looked(probe: Probe, signal: AbortSignal): Promise<readonly string[]> {
  try {
    return await probe(signal);
  } catch (error) {
    return [messageOf(error)];
  }
}
