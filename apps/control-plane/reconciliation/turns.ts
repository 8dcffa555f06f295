import { setImmediate } from 'node:timers/promises';

/**
 * Turns for work that may wait. One piece of work begins in each turn of the event loop, so that other calls are handled
 * in between, however much work waits. A caller with much work does not delay the others: callers take turns, too.
 */
export class Turns {
  readonly #most: number;
  /** Functions that begin waiting work, by caller; the next caller is first. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #unfinished = 0;
  #isAtWork = false;

  /** @param most number of pieces of unfinished work; while there are as many, none begins */
  constructor(most: number) {
    this.#most = most;
  }

  /** Waits for a turn. @throws the signal's reason if it is aborted by then */
  async next(caller: string, signal?: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(caller, [...(this.#waiting.get(caller) ?? []), resolve]);
    void this.#work();
    await promise;
    signal?.throwIfAborted();
  }

  /** Does work that counts as unfinished until it ends. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#unfinished += 1;
    try {
      return await work();
    } finally {
      this.#unfinished -= 1;
      void this.#work();
    }
  }

  async #work(): Promise<void> {
    if (this.#isAtWork) return;
    this.#isAtWork = true;
    // Callers that are added during the loop are part of it.
    for (const [caller, [begin, ...others]] of this.#waiting) {
      if (this.#unfinished >= this.#most) break;
      this.#waiting.delete(caller);
      if (others.length > 0) this.#waiting.set(caller, others);
      begin?.();
      await setImmediate();
    }
    this.#isAtWork = false;
  }
}
