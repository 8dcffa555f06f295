import type { Logger } from '../../log/logger.ts';

/** Milliseconds for which a repeated message is suppressed. */
const QUIET = 60_000;

/** Maximum number of subjects that are remembered. */
const MOST = 1000;

/** Logs mistakes of callers: one line per minute, caller and kind, however often it happens. */
export class ThrottledLog {
  readonly #log: Logger;
  readonly #entries = new Map<string, { at: number; since: number }>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @param kind messages of one caller with the same kind count as repeated */
  warn(caller: string, kind: string, message: string): void {
    const key = `${caller} ${kind}`;
    const now = performance.now();
    const entry = this.#entries.get(key);
    if (entry !== undefined && now - entry.at < QUIET) {
      entry.since += 1;
      return;
    }
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= MOST && oldest !== undefined) this.#entries.delete(oldest);
    this.#entries.delete(key);
    this.#entries.set(key, { at: now, since: 0 });
    const more =
      entry === undefined || entry.since === 0 ? '' : `; ${entry.since} more since the last`;
    this.#log.warning(`${caller}: ${message}${more}`);
  }
}
