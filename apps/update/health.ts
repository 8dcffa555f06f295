import { messageOf } from '../error.ts';
import type { Clock } from '../watch/clock.ts';

/** Looks at the whole machine. @returns what is wrong, a line each */
export type Probe = (signal: AbortSignal) => Promise<readonly string[]>;

/** How long a machine is looked at. */
export interface Watch {
  probe: Probe;
  /** Milliseconds for which nothing must be wrong. */
  hold: number;
  /** Milliseconds after which it is not waited for any more. */
  deadline: number;
  clock: Clock;
  signal: AbortSignal;
  /** Gets what is wrong, each time that it is something else. */
  onProblems?: (problems: readonly string[]) => void;
}

/** Milliseconds from one look to the next. */
const INTERVAL = 5_000;

/**
 * Waits until nothing was wrong for a while.
 * @returns nothing if so; else what is wrong when it can no longer be well for so long before the deadline, never empty
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
  let told = '';
  for (;;) {
    const problems = await looked(probe, signal);
    signal.throwIfAborted();
    const now = clock.elapsed();
    if (problems.join('\n') !== told) onProblems?.(problems);
    told = problems.join('\n');
    wellSince = problems.length === 0 ? (wellSince ?? now) : undefined;
    if (wellSince !== undefined && now - wellSince >= hold) return [];
    // Becoming well now would be too late already.
    if (problems.length > 0 && now - start + hold >= deadline) return problems;
    if (now - start >= deadline) return [`it was not well for ${hold / 60_000} minutes`];
    await clock.sleep(INTERVAL, signal);
    signal.throwIfAborted();
  }
}

/** A look that fails has found something that is wrong. */
async function looked(probe: Probe, signal: AbortSignal): Promise<readonly string[]> {
  try {
    return await probe(signal);
  } catch (error) {
    return [messageOf(error)];
  }
}
