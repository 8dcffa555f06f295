import { Rate } from './rate.ts';

/** How far a fetch is. What was in the cache before is not part of it. */
export interface FetchProgress {
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** Over the last seconds. */
  readonly bytesPerSecond: number;
  /** `undefined` while nothing arrives. */
  readonly secondsLeft: number | undefined;
  readonly itemsDone: number;
  readonly itemsTotal: number;
}

/** Shortest time between two reports, milliseconds. */
const REPORT_EVERY = 100;

/** Adds up the positions of parallel downloads and reports them, at most ten times a second. */
export class ProgressMeter {
  readonly #total: { bytes: number; items: number };
  readonly #report: (progress: FetchProgress) => void;
  readonly #clock: () => number;
  readonly #rate: Rate;
  readonly #started = new Map<string, number>();
  readonly #positions = new Map<string, number>();
  #itemsDone = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;

  /** @param clock milliseconds, never going back */
  constructor(
    total: { bytes: number; items: number },
    report: (progress: FetchProgress) => void,
    clock: () => number = () => performance.now(),
  ) {
    this.#total = total;
    this.#report = report;
    this.#clock = clock;
    this.#rate = new Rate(clock());
  }

  /** A download reached a position, bytes; its first report is what an earlier run left and counts no speed. */
  moved(sha256: string, position: number): void {
    if (!this.#started.has(sha256)) this.#started.set(sha256, position);
    this.#positions.set(sha256, position);
    const now = this.#clock();
    if (now - this.#reportedAt >= REPORT_EVERY) this.#tell(now);
  }

  /** An item is complete. */
  finished(sha256: string, size: number): void {
    if (!this.#started.has(sha256)) this.#started.set(sha256, size);
    this.#positions.set(sha256, size);
    this.#itemsDone += 1;
    this.#tell(this.#clock());
  }

  #tell(now: number): void {
    this.#reportedAt = now;
    const bytesDone = sum(this.#positions);
    this.#rate.add(bytesDone - sum(this.#started), now);
    const bytesPerSecond = this.#rate.perSecond(now);
    const left = this.#total.bytes - bytesDone;
    const secondsLeft = left === 0 ? 0 : bytesPerSecond === 0 ? undefined : left / bytesPerSecond;
    this.#report({
      bytesDone,
      bytesTotal: this.#total.bytes,
      bytesPerSecond,
      secondsLeft,
      itemsDone: this.#itemsDone,
      itemsTotal: this.#total.items,
    });
  }
}

function sum(values: ReadonlyMap<string, number>): number {
  return values.values().reduce((total, value) => total + value, 0);
}
