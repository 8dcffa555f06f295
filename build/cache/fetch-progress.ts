/** Progress of a fetch. Files that were already in the cache are not counted. */
export interface FetchProgress {
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** Minimum time between two reports, in milliseconds. */
const REPORT_EVERY = 100;

/** Adds up the positions of parallel downloads and reports them, at most ten times a second. */
export class ProgressMeter {
  readonly #bytesTotal: number;
  readonly #report: (progress: FetchProgress) => void;
  readonly #clock: () => number;
  readonly #positions = new Map<string, number>();
  #reportedAt = Number.NEGATIVE_INFINITY;

  /**
   * Creates a meter.
   * @param bytesTotal bytes of all downloads
   * @param clock monotonic time in milliseconds
   */
  constructor(
    bytesTotal: number,
    report: (progress: FetchProgress) => void,
    clock: () => number = () => performance.now(),
  ) {
    this.#bytesTotal = bytesTotal;
    this.#report = report;
    this.#clock = clock;
  }

  /** Records a download's position in bytes; the first position is the size of the resumed part. */
  moved(sha256: string, position: number): void {
    this.#positions.set(sha256, position);
    const now = this.#clock();
    if (now - this.#reportedAt >= REPORT_EVERY) this.#reportProgress(now);
  }

  /** Records that a download is complete. */
  finished(sha256: string, size: number): void {
    this.#positions.set(sha256, size);
    this.#reportProgress(this.#clock());
  }

  #reportProgress(now: number): void {
    this.#reportedAt = now;
    const bytesDone = this.#positions.values().reduce((total, value) => total + value, 0);
    this.#report({ bytesDone, bytesTotal: this.#bytesTotal });
  }
}
