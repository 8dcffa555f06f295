import { setTimeout as sleep } from 'node:timers/promises';

/** A monotonic clock: setting the machine's clock does not change measured durations. */
export interface MonotonicClock {
  /** Milliseconds since an arbitrary moment. */
  now(): number;
  /** Waits; returns early, without an error, when the signal is aborted. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** The machine's monotonic clock. It stops while the machine is suspended. */
export const monotonicClock: MonotonicClock = {
  now: () => performance.now(),
  async sleep(milliseconds, signal) {
    try {
      await sleep(milliseconds, undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  },
};
