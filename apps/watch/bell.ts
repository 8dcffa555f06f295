import { setTimeout as wait } from 'node:timers/promises';

/** Wakes one who waits. A ring that comes while nobody waits is not lost: the next one to wait need not. */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /**
   * Waits for a ring.
   * @param limit milliseconds after which it ends without one
   * @throws Error as the signal is aborted
   */
  async wait(limit: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#rung) {
      const over = new AbortController();
      const ring = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const timer = wait(limit, undefined, { signal: AbortSignal.any([signal, over.signal]) });
      try {
        await Promise.race([ring, timer]);
      } finally {
        this.#wake = undefined;
        over.abort();
        await timer.catch(() => signal.throwIfAborted());
      }
    }
    this.#rung = false;
  }
}
