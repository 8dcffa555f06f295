/** Milliseconds of the past that a rate is measured over. */
const WINDOW = 5_000;
/** Samples closer to each other than this are one, milliseconds. */
const GRAIN = 100;

/** How fast bytes come, over the last seconds. Times are given, so it can be tested without waiting. */
export class Rate {
  #samples: { at: number; bytes: number }[];

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: number) {
    this.#samples = [{ at: now, bytes: 0 }];
  }

  /** @param bytes all that came since the start */
  add(bytes: number, now: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && this.#samples.length > 1 && now - last.at < GRAIN) last.bytes = bytes;
    else this.#samples.push({ at: now, bytes });
    const kept = this.#samples.findIndex(({ at }) => at >= now - WINDOW);
    this.#samples.splice(0, Math.max(0, Math.min(kept, this.#samples.length - 2)));
  }

  /** Bytes per second; 0 until something can be said. */
  perSecond(now: number): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || now <= first.at) return 0;
    return Math.max(0, ((last.bytes - first.bytes) * 1000) / (now - first.at));
  }
}
