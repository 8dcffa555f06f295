/** Upper limits of the classes by which calls are counted, in seconds. */
const LIMITS = [0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** How long the calls of one method took, from the request's headers to the end of its answer. */
export interface CallTimes {
  readonly method: string;
  /** Number of calls up to each upper limit in seconds, ascending; the last limit is infinite. */
  readonly counts: readonly (readonly [limit: number, calls: number])[];
  /** All times together, in seconds. */
  readonly sum: number;
}

/** Counts calls of methods by how long they took. */
export class CallClock {
  readonly #methods = new Map<string, { counts: number[]; sum: number }>();

  /** Counts a call. @param milliseconds that it took */
  count(method: string, milliseconds: number): void {
    const seconds = milliseconds / 1000;
    const known = this.#methods.get(method) ?? { counts: [...LIMITS, Infinity].fill(0), sum: 0 };
    const found = LIMITS.findIndex((limit) => seconds <= limit);
    const index = found === -1 ? LIMITS.length : found;
    known.counts[index] = (known.counts[index] ?? 0) + 1;
    known.sum += seconds;
    this.#methods.set(method, known);
  }

  get times(): CallTimes[] {
    return [...this.#methods].map(([method, { counts, sum }]) => {
      let calls = 0;
      const upTo = [...LIMITS, Infinity].map((limit, index): [number, number] => {
        calls += counts[index] ?? 0;
        return [limit, calls];
      });
      return { method, counts: upTo, sum };
    });
  }
}
