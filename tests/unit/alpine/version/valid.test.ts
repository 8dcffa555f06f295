import { expect, test } from 'vitest';
import { isValidVersion } from '../../../../build/base/alpine/version/compare.ts';

test.each(['0', '1.2.3', '1a', '1.0_alpha_beta2', '1.0_git20200101-r3', '1~0af', '1_p1~ab-r0'])(
  '%s is a version',
  (version) => expect(isValidVersion(version)).toBe(true),
);

test.each([
  '',
  'a',
  '.1',
  '1.',
  '1..2',
  '0.1a1',
  '0.1ab',
  '0.1a.2',
  '0.1_foo',
  '0.1_pre.1',
  '0.1-r',
  '0.1-1',
  '0.1-r1-r2',
  '0.1-r1_p1',
  '0.1~',
  '0.1~xyz',
  '0.1-r1~ab',
  '0.1A',
  '1.0\n',
  ' 1',
  `1${'.'.repeat(100_000)}`,
])('%j is not a version', (version) => expect(isValidVersion(version)).toBe(false));
