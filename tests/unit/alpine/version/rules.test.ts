import { expect, test } from 'vitest';
import { compareVersions, isValidVersion } from '../../../../build/base/alpine/version/compare.ts';
import { matchesVersion, parseOperator } from '../../../../build/base/alpine/version/operator.ts';
import { Random } from '../../../fuzz/random.ts';
import { statedOrder, statedPrefix } from './stated-order.ts';

const ROUNDS = 20_000;
const NUMBERS = [
  '0',
  '1',
  '2',
  '9',
  '10',
  '00',
  '01',
  '001',
  '0015',
  '002',
  '20240101',
  '18446744073709551617',
  '123456789012345678901234567890',
] as const;
const SUFFIXES = ['alpha', 'beta', 'pre', 'rc', 'cvs', 'svn', 'git', 'hg', 'p'] as const;

/** Returns a valid version. Versions are so short and similar that two of them often begin with the same parts. */
function randomVersion(random: Random): string {
  const some = (most: number, part: () => string) =>
    Array.from({ length: random.below(most + 1) }, part).join('');
  return [
    random.pick(['0', '1', '6', '06', '18446744073709551617']),
    some(3, () => `.${random.pick(NUMBERS)}`),
    random.pick(['', '', '', 'a', 'b']),
    some(2, () => `_${random.pick(SUFFIXES)}${random.pick(['', ...NUMBERS])}`),
    random.pick(['', '', '', '~a', '~ab', '~0f']),
    random.pick(['', '-r', '-r']).replace('-r', `-r${random.pick(NUMBERS)}`),
  ].join('');
}

/** Returns another version, usually the same one with its end cut off or extended. */
function neighbour(version: string, random: Random): string {
  const changed = random.pick([
    version.slice(0, random.below(version.length) + 1),
    `${version}${random.pick(['.0', '.01', '0', '1', 'a', '_rc1', '_p', '~a', '-r0'])}`,
    randomVersion(random),
  ]);
  return isValidVersion(changed) ? changed : randomVersion(random);
}

/** Pairs of versions for which a rule does not hold. */
function exceptions(seed: number, holds: (a: string, b: string) => boolean): string[][] {
  const random = new Random(seed);
  const found: string[][] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const a = randomVersion(random);
    const b = neighbour(a, random);
    if (!isValidVersion(a) || !holds(a, b)) found.push([a, b]);
  }
  return found;
}

test('versions are in the order that docs/apk-engine.md states', () => {
  expect(exceptions(3, (a, b) => compareVersions(a, b) === statedOrder(a, b))).toEqual([]);
});

test('~ matches versions that begin with the given components', () => {
  const begins = parseOperator('~') ?? 0;
  expect(exceptions(4, (a, b) => matchesVersion(a, begins, b) === statedPrefix(a, b))).toEqual([]);
});
