import { ExplainedError } from '../../build/explained-error.ts';
import { Random } from './random.ts';

/** A parser under fire. */
export interface Target {
  readonly name: string;
  /**
   * Feeds the parser once with something it should not have to expect.
   * Anything but a result, a `BuildError` or an `ExplainedError` is a finding.
   */
  once(random: Random): void | Promise<void>;
}

/** How a target stood it. */
export interface Outcome {
  readonly runs: number;
  /** Runs in which the parser took what it was given. */
  readonly accepted: number;
  readonly refused: number;
  /** Longest run, milliseconds of processor time. */
  readonly slowest: number;
}

/** Milliseconds of processor time after which a run counts as a hang: what else the machine does is none of it. */
const HANG = 5000;

/**
 * Fires at a target with one seed after the other.
 * @throws Error naming the seed that made it crash or hang; `once(new Random(seed))` repeats it
 */
export async function fire(
  target: Target,
  { from, runs }: { from: number; runs: number },
): Promise<Outcome> {
  let [accepted, refused, slowest] = [0, 0, 0];
  for (let seed = from; seed < from + runs; seed += 1) {
    const before = process.cpuUsage();
    try {
      await target.once(new Random(seed));
      accepted += 1;
    } catch (error) {
      if (!(error instanceof ExplainedError)) throw finding(target, seed, error);
      refused += 1;
    }
    const { user, system } = process.cpuUsage(before);
    const took = (user + system) / 1000;
    if (took > HANG) throw finding(target, seed, new Error(`it took ${Math.round(took)} ms`));
    slowest = Math.max(slowest, took);
  }
  return { runs, accepted, refused, slowest };
}

function finding({ name }: Target, seed: number, cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Error(`fuzzing ${name}, seed ${seed}: ${why}`, { cause });
}
