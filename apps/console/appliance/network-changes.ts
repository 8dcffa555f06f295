import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { watchNetwork } from '../../network/watch.ts';

/** Milliseconds between two reported changes: reading the network is not cheap. */
const PAUSE = 1_000;

/** Reports changes of the network; several changes between two calls are reported as one. */
export class NetworkChanges {
  readonly #changes = new EventTarget();
  #changed = false;
  #watching = false;

  /** Waits for the next change. Watching begins with the first call and ends with that call's signal. */
  async next(signal: AbortSignal): Promise<void> {
    this.#watch(signal);
    if (!this.#changed) await once(this.#changes, 'change', { signal });
    await wait(PAUSE, undefined, { signal });
    this.#changed = false;
  }

  #watch(signal: AbortSignal): void {
    if (this.#watching) return;
    this.#watching = true;
    // The watch retries after failures by itself; meanwhile, the console still reads the network at intervals.
    void watchNetwork({ signal, onProblem: () => undefined }, () => {
      this.#changed = true;
      this.#changes.dispatchEvent(new Event('change'));
    });
  }
}
