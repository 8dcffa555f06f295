import { setTimeout as sleep } from 'node:timers/promises';

/** Time that only passes, so that nobody who sets the machine's clock changes how long something takes. */
export interface MonotonicClock {
  /** Milliseconds since some moment. */
  now(): number;
  /** Waits; comes back early, without an error, when the signal is aborted. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** The machine's. It stands still while the machine is suspended. */
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
