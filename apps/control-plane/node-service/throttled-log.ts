import type { Logger } from '../../log/logger.ts';

/** Milliseconds for which a repeated message is suppressed. */
const QUIET = 60_000;

/** Most subjects that are remembered. */
const MOST = 1000;

/** Logs mistakes of callers: one line per minute, caller and kind, however often it happens. */
export class ThrottledLog {
  readonly #log: Logger;
  readonly #told = new Map<string, { at: number; since: number }>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @param kind messages of one caller with the same kind count as repeated */
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
