import { setTimeout as wait } from 'node:timers/promises';
import { CommandError } from '../process/command-error.ts';

/** An observation. */
export interface Answer<T> {
  /** The last observed value; `undefined` if there is none. */
  value: T | undefined;
  /** `now`, `never`, or the time of the observation as ISO 8601. */
  seen: string;
}

/** Called for a child that even SIGKILL does not end, with a promise that settles when it has ended. */
export type OnSurvivor = (ended: Promise<unknown>) => void;

/**
 * Observes something that may not answer, such as the file system of a server. The caller waits for a limited time
 * only; the observation continues in the background, and the next one begins only after it is over and all its children
 * have ended.
 */
export class LastAnswer<T> {
  #last: { value: T; at: Date } | undefined;
  #running: Promise<{ value: T }> | undefined;
  #survivors = 0;

  /**
   * Observes the value.
   * @param patience milliseconds to wait for the observation
   * @param work makes the observation in child processes only, because a blocked read in this process cannot be ended
   * @returns the current value or, if it is not observed in time, the last one
   * @throws the error of `work` if it fails within that time; the timeout of a child counts as no answer
   */
  async look(patience: number, work: (onSurvivor: OnSurvivor) => Promise<T>): Promise<Answer<T>> {
    if (this.#survivors > 0) return this.before();
    this.#running ??= this.#begin(work);
    const over = new AbortController();
    const late = wait(patience, undefined, { signal: over.signal }).catch(() => undefined);
    try {
      const seen = await Promise.race([this.#running, late]);
      return seen === undefined ? this.before() : { value: seen.value, seen: 'now' };
    } catch (error) {
      if (error instanceof CommandError && error.failure === 'timeout') return this.before();
      throw error;
    } finally {
      over.abort();
    }
  }

  #begin(work: (onSurvivor: OnSurvivor) => Promise<T>): Promise<{ value: T }> {
    const running = this.#settle(work);
    // Its rejection is expected, also if nobody waits for it any more.
    running.catch(() => undefined);
    return running;
  }

  async #settle(work: (onSurvivor: OnSurvivor) => Promise<T>): Promise<{ value: T }> {
    try {
      const value = await work((ended) => this.#survive(ended));
      this.#last = { value, at: new Date() };
      return { value };
    } finally {
      this.#running = undefined;
    }
  }

  #survive(ended: Promise<unknown>): void {
    this.#survivors += 1;
    const end = () => {
      this.#survivors -= 1;
    };
    ended.then(end, end);
  }

  /** Returns the last value, without a new observation. */
  before(): Answer<T> {
    return { value: this.#last?.value, seen: this.#last?.at.toISOString() ?? 'never' };
  }
}
