import { type Clock, systemClock } from './clock.ts';

/**
 * An event that one waits for, and that is over once it was waited for. One that is set while nobody waits is not lost:
 * the next wait ends at once.
 */
export class AutoResetEvent {
  #set = new AbortController();

  /** Ends the wait that is under way, or else the next one at once. Costs nothing to call often. */
  set(): void {
    this.#set.abort();
  }

  /** Waits until it is set, the milliseconds are over, or the signal is aborted; tells which by nothing. */
  async wait(milliseconds: number, signal: AbortSignal, clock: Clock = systemClock): Promise<void> {
    await clock.sleep(milliseconds, AbortSignal.any([this.#set.signal, signal]));
    if (this.#set.signal.aborted) this.#set = new AbortController();
  }
}
