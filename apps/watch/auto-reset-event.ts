import { type Clock, systemClock } from './clock.ts';

/**
 * An event that is reset when a wait for it ends. An event that is set while nobody waits is not lost: the next wait
 * ends at once.
 */
export class AutoResetEvent {
  #set = new AbortController();

  /** Ends the current wait; without one, the next wait ends at once. Cheap to call often. */
  set(): void {
    this.#set.abort();
  }

  /** Waits until the event is set, the milliseconds are over, or the signal is aborted; does not say which. */
  async wait(milliseconds: number, signal: AbortSignal, clock: Clock = systemClock): Promise<void> {
    await clock.sleep(milliseconds, AbortSignal.any([this.#set.signal, signal]));
    if (this.#set.signal.aborted) this.#set = new AbortController();
  }
}
