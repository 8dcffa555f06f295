import type { MonotonicClock } from '../../../../../../apps/control-plane/coordination/clock.ts';

interface Happening {
  readonly due: number;
  readonly program: Program | undefined;
  readonly happen: () => void;
}

/** Simulated time, in milliseconds. What is due happens one after the other; all that follows at once is done before the next. */
export class World {
  now = 0;
  readonly #happenings = new Set<Happening>();

  /** Lets something happen later; to a program only when that is not paused. */
  at(due: number, happen: () => void, program?: Program): void {
    this.#happenings.add({ due, happen, program });
  }

  /** Lets time pass. @param look called before and after each thing that happens */
  async runUntil(end: number, look: () => void): Promise<void> {
    for (;;) {
      // All that waits for nothing but promises is done before this comes back.
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

  /** The earliest; of those at one moment the one that was asked for first. */
  #next(): Happening | undefined {
    let next: Happening | undefined;
    for (const one of this.#happenings) {
      if (next === undefined || dueOf(one) < dueOf(next)) next = one;
    }
    return next;
  }
}

/** A paused program does what was due when it goes on. */
function dueOf({ due, program }: Happening): number {
  return Math.max(due, program?.pausedUntil ?? 0);
}

/** A program that may be paused, with a clock of its own that may run fast or slow. */
export class Program {
  pausedUntil = 0;
  readonly clock: MonotonicClock;

  /** @param rate seconds that its clock counts in a second */
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
