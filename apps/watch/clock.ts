import { setTimeout as sleep } from 'node:timers/promises';

/** A clock that tests can replace, so that they need not wait. */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970; it may be set forward or back. */
  now(): number;
  /** Monotonic time in milliseconds since an arbitrary moment. */
  elapsed(): number;
  /** Waits; returns early, without an error, when the signal is aborted. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** The machine's clock. */
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
