import type { Logger } from '../../log/logger.ts';

/** Milliseconds for which the same is not told again. */
const QUIET = 60_000;

/** Most subjects that are remembered. */
const MOST = 1000;

/** Tells of what callers do wrong: one line a minute of each caller and kind, however often it happens. */
export class ThrottledLog {
  readonly #log: Logger;
  readonly #told = new Map<string, { at: number; since: number }>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @param kind what of the same counts as the same, besides its caller */
  warn(caller: string, kind: string, message: string): void {
    const key = `${caller} ${kind}`;
    const now = performance.now();
    const told = this.#told.get(key);
    if (told !== undefined && now - told.at < QUIET) {
      told.since += 1;
      return;
    }
    const [oldest] = this.#told.keys();
    if (this.#told.size >= MOST && oldest !== undefined) this.#told.delete(oldest);
    this.#told.delete(key);
    this.#told.set(key, { at: now, since: 0 });
    const more =
      told === undefined || told.since === 0 ? '' : `; ${told.since} more since the last`;
    this.#log.warning(`${caller}: ${message}${more}`);
  }
}
