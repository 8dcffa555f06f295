import { LastAnswer } from './last-answer.ts';
import { type Care, probe } from './probe.ts';
import { SystemError } from './system-error.ts';

/** Milliseconds after which a pool that gives no reason for it is written to again. */
const INTERVAL = 3_600_000;

/** Milliseconds for which a write is waited for. */
const PATIENCE = 10_000;

/**
 * Knows whether a pool can be written. It is tried when the pool is seen for the first time and after it gave cause for
 * doubt, while it fails, and once an hour; the kernel tells all the time whether it is mounted read-only, and how full it
 * is.
 */
export class WriteProbe {
  readonly #answer = new LastAnswer<Error | null>();
  #due = 0;

  /** Makes the next look try. */
  doubt(): void {
    this.#due = 0;
  }

  /**
   * @param now milliseconds, of a clock that only goes on
   * @returns why it could not be written; `null` if it could; `undefined` if that is not known
   */
  async look(folder: string, now: number, care: Care): Promise<Error | null | undefined> {
    if (now < this.#due) return null;
    const { value, seen } = await this.#answer.look(PATIENCE, async (onSurvivor) => {
      try {
        await probe(folder, { ...care, onSurvivor });
        return null;
      } catch (error) {
        if (error instanceof SystemError) return error;
        throw error;
      }
    });
    if (seen !== 'now') return undefined;
    if (value === null) this.#due = now + INTERVAL;
    return value;
  }
}
