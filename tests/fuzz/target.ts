import { ExplainedError } from '../../build/explained-error.ts';
import { Random } from './random.ts';

/** A parser to fuzz. */
export interface Target {
  readonly name: string;
  /**
   * Runs the parser once on hostile input.
   * Anything but a result, a `BuildError` or an `ExplainedError` is a finding.
   */
  once(random: Random): void | Promise<void>;
}

/** The result of fuzzing a target. */
export interface Outcome {
  readonly runs: number;
  /** Runs in which the parser accepted its input. */
  readonly accepted: number;
  readonly refused: number;
  /** Longest run, milliseconds of processor time. */
  readonly slowest: number;
}

/** Milliseconds of processor time, which other processes do not affect, after which a run counts as a hang. */
const HANG = 5000;

/**
 * Fuzzes a target with one seed after the other.
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
