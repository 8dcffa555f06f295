import { setTimeout as sleep } from 'node:timers/promises';

/** Time, so that tests need not wait for it. */
export interface Clock {
  /** What the clock shows, in milliseconds since 1970. Somebody may set it. */
  now(): number;
  /** Milliseconds that passed since some moment; nobody can set that. */
  elapsed(): number;
  /** Waits; comes back early, without an error, when the signal is given. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** The machine's. */
export const systemClock: Clock = {
  now: Date.now,
  elapsed: () => performance.now(),
  async sleep(milliseconds, signal) {
    try {
      await sleep(milliseconds, undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  },
};
