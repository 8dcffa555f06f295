import { expect, test } from 'vitest';
import { compareVersions } from '../../../../build/base/alpine/version/compare.ts';

/** Versions from least to greatest. */
const ASCENDING = [
  '0',
  '0.1_alpha',
  '0.1_alpha2',
  '0.1_beta',
  '0.1_pre',
  '0.1_pre20191002222144',
  '0.1_pre20210530193627',
  '0.1_rc9',
  '0.1_rc10',
  '0.1',
  '0.1-r1',
  '0.1-r2',
  '0.1-r10',
  '0.1~12ab-r3',
  '0.1_cvs',
  '0.1_svn3',
  '0.1_git20200101',
  '0.1_hg',
  '0.1_p',
  '0.1_p1',
  '0.1_p1-r1',
  '0.1a',
  '0.1b-r1',
  '0.1.1',
  '0.2',
  '0.10',
  '1.002',
  '1.02',
  '1.03',
  '1.1',
  '6.0_pre1',
  '6.0_rc1-r0',
  '6.0',
  '6.0-r0',
  '8.2.0',
  '8.2.001',
  '8.2.0015',
  '8.2.002',
  '8.2.10',
  '0010',
  '20050718-r1',
  '99999999999999999998',
  '99999999999999999999',
];

test('a list of ascending versions is in order', () => {
  for (const [index, version] of ASCENDING.entries()) {
    expect(compareVersions(version, version)).toBe(0);
    for (const greater of ASCENDING.slice(index + 1)) {
      expect([version, greater, compareVersions(version, greater)]).toEqual([version, greater, -1]);
      expect([greater, version, compareVersions(greater, version)]).toEqual([greater, version, 1]);
    }
  }
});

test('leading zeros are ignored in the first number and in the revision', () => {
  expect(compareVersions('6', '006')).toBe(0);
  expect(compareVersions('6-r01', '6-r1')).toBe(0);
});

test.each([
  ['23_foo', '4_beta', 1],
  ['1.0', '1.0bc', -1],
  ['0.1.0_alpha_pre2', '0.1.0_alpha', -1],
  ['', '0', -1],
  ['.1', '0.1', -1],
  ['a', 'b', 0],
  ['3.2p4-r0', '3.2p-r0', -1],
  ['1.2.', '1.2', -1],
  ['1.0_rc1x', '1.0_rc1y', 0],
  ['1.0~ab', '1.0~ac', -1],
  ['1.0', '1.0~ab', -1],
])('partly invalid versions are compared up to the first error: %s and %s', (a, b, order) => {
  expect(compareVersions(a, b)).toBe(order);
  expect(compareVersions(b, a)).toBe(order === 0 ? 0 : -order);
});

test('hostile text of any length is compared quickly', () => {
  const texts = [
    '1'.repeat(100_000),
    '1.'.repeat(50_000),
    '_p'.repeat(50_000),
    '0'.repeat(100_000),
  ];
  for (const text of texts) {
    expect(compareVersions(text, text.slice(0, -1))).toBeTypeOf('number');
    expect(compareVersions(`${text}x`, `${text}y`)).toBeTypeOf('number');
  }
  expect(compareVersions('1\0', '1\n')).toBeTypeOf('number');
  expect(compareVersions('１', '1')).toBeTypeOf('number');
});
