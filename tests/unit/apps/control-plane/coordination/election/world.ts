import type { MonotonicClock } from '../../../../../../apps/control-plane/coordination/clock.ts';

interface Happening {
  readonly due: number;
  readonly program: Program | undefined;
  readonly happen: () => void;
}

/**
 * Simulated time, in milliseconds. Due events happen one after the other; all immediate consequences of an event happen
 * before the next.
 */
export class World {
  now = 0;
  readonly #happenings = new Set<Happening>();

  /** Schedules an event. An event of a paused program waits for the end of the pause. */
  at(due: number, happen: () => void, program?: Program): void {
    this.#happenings.add({ due, happen, program });
  }

  /** Lets time pass. @param look called before and after each event */
  async runUntil(end: number, look: () => void): Promise<void> {
    for (;;) {
      // All pending promises are settled before this continues.
      await new Promise(setImmediate);
      look();
      const next = this.#next();
      if (next === undefined || dueOf(next) > end) break;
      this.#happenings.delete(next);
      this.now = Math.max(this.now, dueOf(next));
      next.happen();
    }
    this.now = end;
  }

  /** Returns the earliest event; of simultaneous events, the one that was scheduled first. */
  #next(): Happening | undefined {
    let next: Happening | undefined;
    for (const one of this.#happenings) {
      if (next === undefined || dueOf(one) < dueOf(next)) next = one;
    }
    return next;
  }
}

/** Returns when an event happens; for a paused program, not before the end of the pause. */
function dueOf({ due, program }: Happening): number {
  return Math.max(due, program?.pausedUntil ?? 0);
}

/** A program that may be paused, and whose clock may run fast or slow. */
export class Program {
  pausedUntil = 0;
  readonly clock: MonotonicClock;

  /** @param rate seconds on its clock per real second */
  constructor(world: World, rate: number) {
    this.clock = {
      now: () => world.now * rate,
      sleep: (milliseconds, signal) =>
        new Promise((resolve) => {
          if (signal.aborted) resolve();
          signal.addEventListener('abort', () => resolve(), { once: true });
          world.at(world.now + Math.max(0, milliseconds) / rate, resolve, this);
        }),
    };
  }
}
