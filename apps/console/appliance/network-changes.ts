import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { watchNetwork } from '../../network/watch.ts';

/** Milliseconds between two changes that are told of: a look at the network is not cheap. */
const PAUSE = 1_000;

/** Tells of changes of the network, one after the other; those that come before the next is asked for count as one. */
export class NetworkChanges {
  readonly #changes = new EventTarget();
  #changed = false;
  #watching = false;

  /** Waits for the next change. The watch begins with the first call and ends with that call's signal. */
  async next(signal: AbortSignal): Promise<void> {
    this.#watch(signal);
    if (!this.#changed) await once(this.#changes, 'change', { signal });
    await wait(PAUSE, undefined, { signal });
    this.#changed = false;
  }

  #watch(signal: AbortSignal): void {
    if (this.#watching) return;
    this.#watching = true;
    // What goes wrong is tried again by the watch itself; the console's own looks at intervals go on meanwhile.
    void watchNetwork({ signal, onProblem: () => undefined }, () => {
      this.#changed = true;
      this.#changes.dispatchEvent(new Event('change'));
    });
  }
}
