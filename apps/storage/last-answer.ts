import { setTimeout as wait } from 'node:timers/promises';
import { CommandError } from '../process/command-error.ts';

/** What was seen of something. */
export interface Answer<T> {
  /** What was seen last; `undefined` if nothing ever was. */
  value: T | undefined;
  /** `now`, `never`, or when the value was seen, as ISO 8601 has it. */
  seen: string;
}

/** Takes note of a child that not even SIGKILL ends, by its end. */
export type OnSurvivor = (ended: Promise<unknown>) => void;

/**
 * Looks at something that may not answer, such as a file system of a server. A look is waited for only so long; it goes
 * on by itself, and no other one begins before it is over and all its children are gone.
 */
export class LastAnswer<T> {
  #last: { value: T; at: Date } | undefined;
  #running: Promise<{ value: T }> | undefined;
  #survivors = 0;

  /**
   * @param patience milliseconds for which the look is waited for
   * @param work looks by children only, since nothing can end a read of this process's own
   * @returns what was seen just now, else what was seen last
   * @throws what the work throws in time, but for a child that did not end in time: that is no answer either
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
    // Whether anybody waits for it or not, its end is no surprise.
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

  /** What was seen last, without a look. */
  before(): Answer<T> {
    return { value: this.#last?.value, seen: this.#last?.at.toISOString() ?? 'never' };
  }
}
