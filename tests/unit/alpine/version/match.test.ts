import { expect, test } from 'vitest';
import {
  formatOperator,
  matchesVersion,
  parseOperator,
} from '../../../../build/base/alpine/version/operator.ts';

function matches(version: string, sign: string, wanted: string): boolean {
  const operator = parseOperator(sign);
  if (operator === undefined) throw new Error(`${sign} is no operator`);
  return matchesVersion(version, operator, wanted);
}

test.each([
  ['1.2', '=', '1.2'],
  ['1.2', '<', '1.3'],
  ['1.2', '<=', '1.2'],
  ['1.2-r1', '>', '1.2'],
  ['1.2', '>=', '1.2'],
  ['1.2', '=>', '1.2'],
  ['1.2', '><', '1.3'],
  ['1.2.3-r4', '~', '1.2'],
  ['1.2.3-r4', '~', '1.2.3'],
  ['1.2.3-r4', '~=', '1'],
  ['1.0.1', '~', '1.0'],
  ['1.2.3', '>~', '1.2'],
  ['1.2.3', '>~', '1.1'],
  ['1.2.3', '<~', '1.2'],
  ['1.2.3', '<~', '1.3'],
])('%s %s %s holds', (version, sign, wanted) => {
  expect(matches(version, sign, wanted)).toBe(true);
});

test.each([
  ['1.2', '=', '1.2-r0'],
  ['1.2', '<', '1.2'],
  ['1.2', '>', '1.2'],
  ['1.2', '><', '1.2'],
  ['1.2', '~', '1.2.3'],
  ['1.20', '~', '1.2'],
  ['1.01', '~', '1.0'],
  ['1.2.3', '>~', '1.3'],
  ['1.2.3', '<~', '1.1'],
])('%s %s %s does not hold', (version, sign, wanted) => {
  expect(matches(version, sign, wanted)).toBe(false);
});

test('operators are formatted as apk formats them', () => {
  const signs = ['=', '<', '<=', '<~', '~', '>', '>=', '>~', '><'];
  expect(signs.map((sign) => formatOperator(parseOperator(sign) ?? 0))).toEqual(signs);
});

test.each(['', '!', '=x', 'lt', ' '])('%j is not an operator', (sign) => {
  expect(parseOperator(sign)).toBeUndefined();
});
