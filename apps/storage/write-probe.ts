import { LastAnswer } from './last-answer.ts';
import { type ChildOptions, probePool } from './probe.ts';
import { SystemError } from './system-error.ts';

/** Milliseconds after which a pool that can be written is tested again. */
const INTERVAL = 3_600_000;

/** Milliseconds to wait for a write. */
const PATIENCE = 10_000;

/**
 * Determines whether a pool can be written. A test file is written when the pool is seen for the first time, after a
 * call of `doubt`, while the test fails, and once an hour. At other times, the free space and the read-only flag that
 * the kernel reports are enough.
 */
export class WriteProbe {
  readonly #answer = new LastAnswer<Error | null>();
  #due = 0;

  /** Makes the next call of `look` write a test file. */
  doubt(): void {
    this.#due = 0;
  }

  /**
   * @param now milliseconds of a monotonic clock
   * @returns why the pool cannot be written; `null` if it can; `undefined` if that is not known
   */
  async look(
    folder: string,
    now: number,
    options: ChildOptions,
  ): Promise<Error | null | undefined> {
    if (now < this.#due) return null;
    const { value, seen } = await this.#answer.look(PATIENCE, async (onSurvivor) => {
      try {
        await probePool(folder, { ...options, onSurvivor });
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
