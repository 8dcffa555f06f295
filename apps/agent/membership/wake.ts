import type { Clock } from './connection/clock.ts';

/** A sleep that can be cut short, also before it begins. */
export class Wake {
  #controller = new AbortController();

  /** Ends the sleep that is under way, or else the next one at once. */
  wake(): void {
    this.#controller.abort();
  }

  /** Sleeps until the time is over, someone wakes it, or the signal is given. */
  async sleep(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
    await clock.sleep(milliseconds, AbortSignal.any([this.#controller.signal, signal]));
    if (this.#controller.signal.aborted) this.#controller = new AbortController();
  }
}
