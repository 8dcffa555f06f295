import { EventEmitter, once } from 'node:events';
import type { Clock } from '../../../../../apps/watch/clock.ts';

interface Sleeper {
  readonly due: number;
  readonly wake: () => void;
}

/**
 * A clock that stands still until a test moves it. Sleeps do not depend on the time that the clock shows, as in an
 * operating system.
 */
export class FakeClock implements Clock {
  #passed = 0;
  #shown = Date.now();
  readonly #sleepers = new Set<Sleeper>();
  readonly #events = new EventEmitter();

  now(): number {
    return this.#shown;
  }

  elapsed(): number {
    return this.#passed;
  }

  async sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const sleeper = { due: this.#passed + milliseconds, wake: resolve };
    this.#sleepers.add(sleeper);
    signal.addEventListener('abort', () => resolve(), { once: true });
    this.#events.emit('sleep');
    await promise;
    this.#sleepers.delete(sleeper);
  }

  /** Waits until the agent sleeps. @returns milliseconds until the first sleep ends */
  async sleeping(): Promise<number> {
    while (this.#sleepers.size === 0) await once(this.#events, 'sleep');
    return Math.min(...[...this.#sleepers].map(({ due }) => due)) - this.#passed;
  }

  /**
   * Waits until the agent sleeps, then advances the time to the end of the first sleep.
   * @returns milliseconds by which the time was advanced
   */
  async skip(): Promise<number> {
    const milliseconds = await this.sleeping();
    this.advance(milliseconds);
    return milliseconds;
  }

  /** Advances the time; timers that are due fire. */
  advance(milliseconds: number): void {
    this.#passed += milliseconds;
    this.#shown += milliseconds;
    for (const sleeper of this.#sleepers) {
      if (sleeper.due > this.#passed) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
  }

  /** Changes the shown time, as when someone sets the clock; no time passes. */
  set(milliseconds: number): void {
    this.#shown += milliseconds;
  }
}
