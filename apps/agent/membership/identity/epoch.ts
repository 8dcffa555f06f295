import { join } from 'node:path';
import { messageOf } from '../../../error.ts';
import { readIfThere, setAside, writeDurably } from '../../../files/durable-file.ts';
import { getErrorCode } from '../../../process/code-of.ts';
import type { Clock } from '../../../watch/clock.ts';
import { AgentError } from '../../configuration/error.ts';

/** The greatest `uint64`. */
const MOST = 2n ** 64n - 1n;

export interface EpochOptions {
  readonly folder: string;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

/**
 * Assigns a number to each run of a node, greater than those of all previous runs; see `position.proto`. The last
 * number is stored in `epoch` beside the key. If that file cannot be read, the clock's milliseconds since 1970 replace
 * the last number: they exceed it, unless the clock was set back. In that case, the control plane's answers name the
 * number that the next run must exceed.
 */
export class Epochs {
  readonly #options: EpochOptions;
  readonly #file: string;
  #last: bigint | undefined;
  #problem: string | null = null;

  constructor(options: EpochOptions) {
    this.#options = options;
    this.#file = join(options.folder, 'epoch');
  }

  /** Why the last number is not stored; `null` if it is. */
  get problem(): string | null {
    return this.#problem;
  }

  /**
   * Returns the number of a new run. A number that cannot be stored is valid for this run nevertheless.
   * @param above a number that the new one must exceed, in addition to the last one
   * @throws AgentError if there is no greater `uint64`
   */
  async next(above: bigint = 0n): Promise<bigint> {
    const last = this.#last ?? (await this.#read());
    const epoch = (above > last ? above : last) + 1n;
    if (epoch > MOST) throw new AgentError({ what: `the number of a run cannot exceed ${last}` });
    this.#last = epoch;
    await this.#keep(epoch);
    return epoch;
  }

  async #read(): Promise<bigint> {
    const { log, clock } = this.#options;
    const byClock = BigInt(Math.max(0, Math.trunc(clock.now())));
    try {
      const text = await readIfThere(this.#file);
      if (text === undefined) return byClock;
      if (/^[0-9]{1,19}\n?$/.test(text)) return BigInt(text);
      log(`${this.#file} holds no number: set aside as ${await setAside(this.#file)}`);
    } catch (error) {
      if (getErrorCode(error) === undefined) throw error;
      log(`${this.#file} cannot be read: ${messageOf(error)}`);
    }
    return byClock;
  }

  async #keep(epoch: bigint): Promise<void> {
    try {
      await writeDurably(this.#file, `${epoch}\n`, 0o600);
      this.#problem = null;
    } catch (error) {
      if (getErrorCode(error) === undefined) throw error;
      this.#problem = `the number of this run cannot be stored: ${messageOf(error)}`;
      this.#options.log(this.#problem);
    }
  }
}
