import { execa } from 'execa';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareDebianVersions, isRelated } from '../../../../build/base/debian/version.ts';

test.each([
  ['1.0', '1.1', -1],
  ['1.10', '1.9', 1],
  ['1.0~rc1', '1.0', -1],
  ['1.0~~', '1.0~', -1],
  ['1.0', '1.0+deb13u1', -1],
  ['1.0-1', '1.0-1+b1', -1],
  ['1:1.0', '2.0', 1],
  ['0:1.0', '1.0', 0],
  ['1.0', '1.0-0', 0],
  ['1.0a', '1.0+', -1],
  ['2.03.31-2', '2:1.02.205-2', -1],
  ['1.0-1-2', '1.0-2-1', -1],
  [`1.${'9'.repeat(60)}`, `1.1${'0'.repeat(60)}`, -1],
] as const)('%s and %s compare as %i', (a, b, relation) => {
  expect(compareDebianVersions(a, b)).toBe(relation);
  expect(compareDebianVersions(b, a)).toBe(0 - relation);
});

test('the relations of control files are evaluated', () => {
  expect(isRelated('1.0', '<<', '1.0')).toBe(false);
  expect(isRelated('1.0', '<=', '1.0')).toBe(true);
  expect(isRelated('1.0', '=', '1.0-0')).toBe(true);
  expect(isRelated('1.0', '>=', '1.1')).toBe(false);
  expect(isRelated('1.1', '>>', '1.0')).toBe(true);
  expect(isRelated('1.1', '<', '1.0')).toBe(false);
});

const part = fc
  .array(fc.constantFrom('0', '1', '9', '10', '009', 'a', 'Z', '.', '+', '~', 'rc'), {
    maxLength: 5,
  })
  .map((pieces) => pieces.join(''));
const version = fc
  .tuple(fc.constantFrom('', '0:', '1:', '10:'), part, fc.option(part, { nil: undefined }))
  .map(([epoch, upstream, revision]) =>
    revision === undefined ? `${epoch}1${upstream}` : `${epoch}1${upstream}-${revision}0`,
  );

test('comparisons agree with dpkg', async () => {
  const pairs = fc.sample(fc.tuple(version, version), { numRuns: 150, seed: 18 });
  // One shell runs dpkg for all comparisons: a hundred separate starts are slow beside other tests.
  const script =
    'while read -r a b; do for r in lt eq gt; do dpkg --compare-versions "$a" $r "$b" && echo $r; done; done';
  const input = pairs.map((pair) => pair.join(' ')).join('\n');
  const { stdout } = await execa('sh', ['-c', script], { input: `${input}\n` });
  const ours = pairs.map(
    ([a, b]) => ({ '-1': 'lt', 0: 'eq', 1: 'gt' })[compareDebianVersions(a, b)],
  );
  expect(ours).toEqual(stdout.split('\n'));
});
