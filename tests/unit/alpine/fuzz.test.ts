import { expect, test } from 'vitest';
import { fire } from '../../fuzz/target.ts';
import { TARGETS } from '../../fuzz/targets.ts';

/** Milliseconds; a machine that is busy with other tests needs several times the usual five seconds. */
const TIME = 120_000;

test.each(TARGETS.map((target) => [target.name, target] as const))(
  'the parser of %s accepts or refuses any input, and never crashes or hangs',
  async (_, target) => {
    const outcome = await fire(target, { from: 0, runs: 1500 });
    expect(outcome.refused + outcome.accepted).toBe(outcome.runs);
    expect(outcome.accepted).toBeGreaterThan(0);
  },
  TIME,
);
