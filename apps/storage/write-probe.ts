import { LastAnswer } from './last-answer.ts';
import { type Care, probePool } from './probe.ts';
import { SystemError } from './system-error.ts';

/** Milliseconds after which a pool that can be written is tested again. */
const INTERVAL = 3_600_000;

/** Milliseconds to wait for a write. */
const PATIENCE = 10_000;

/**
 * Determines whether a pool can be written. It is tested when the pool is seen for the first time, after a reason for
 * doubt, while the test fails, and once an hour; at all other times, the kernel's report of free space and of a
 * read-only mount is enough.
 */
export class WriteProbe {
  readonly #answer = new LastAnswer<Error | null>();
  #due = 0;

  /** Makes the next call test it. */
  doubt(): void {
    this.#due = 0;
  }

  /**
   * @param now milliseconds of a monotonic clock
   * @returns why it cannot be written; `null` if it can; `undefined` if that is not known
   */
  async look(folder: string, now: number, care: Care): Promise<Error | null | undefined> {
    if (now < this.#due) return null;
    const { value, seen } = await this.#answer.look(PATIENCE, async (onSurvivor) => {
      try {
        await probePool(folder, { ...care, onSurvivor });
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
