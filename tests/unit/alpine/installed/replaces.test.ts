import { expect, test } from 'vitest';
import { matchesReplaces } from '../../../../build/base/alpine/installed/owners.ts';
import { EMPTY_CHECKSUM, installed } from './packages.ts';

const { fields } = installed('busybox', { V: '1.36.1-r5', p: 'sh' });

test.each([
  ['busybox', true],
  ['busybox<1.37', true],
  ['busybox<1.36', false],
  ['busybox=1.36.1-r5', true],
  ['busybox~1.36', true],
  ['busybox>=1.36.1-r6', false],
  [`busybox><${EMPTY_CHECKSUM}`, true],
  ['busybox><Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=', false],
  ['sh', false],
  ['other', false],
  ['!busybox', false],
  ['', false],
  ['=1', false],
])('replaces = %j means busybox 1.36.1-r5: %s', (dependency, means) => {
  expect(matchesReplaces(dependency, fields)).toBe(means);
});
