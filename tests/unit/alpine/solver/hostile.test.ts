import { expect, test } from 'vitest';
import { BuildError } from '../../../../build/error.ts';
import { changes } from './situation.ts';

test('a dependency chain as long as an index does not exhaust the stack', () => {
  const length = 10_000;
  const repository = Array.from({ length }, (_, i) => `p${i} 1\nD:p${i + 1}`);
  const end = `p${length} 1`;
  const lines = changes({ repository: [...repository, end].join('\n\n') }, 'add p0');
  expect(lines[0]).toBe(`install p${length} 1`);
  expect(lines.at(-1)).toBe(`OK ${length + 1}`);
  expect(changes({ repository: repository.join('\n\n') }, 'add p0')).toEqual([
    'ERROR unsatisfiable',
  ]);
});

test('a chain of install-if packages does not exhaust the stack', () => {
  const length = 5_000;
  const repository = Array.from({ length }, (_, i) => `p${i + 1} 1\ni:p${i}`);
  const lines = changes({ repository: ['p0 1', ...repository].join('\n\n') }, 'add p0');
  expect(lines.at(-1)).toBe(`OK ${length + 1}`);
});

test('a name with thousands of versions is resolved quickly', () => {
  const repository = Array.from({ length: 3_000 }, (_, i) => `a ${i}\np:x=${i}`).join('\n\n');
  expect(changes({ repository }, 'add x')).toEqual(['install a 2999', 'OK 1']);
});

test('resolution ends for packages that depend on, provide, forbid and condition themselves', () => {
  const repository = 'a 1\nD:a !b\np:b b=1 a\ni:a b\n\nb 1\nD:a\np:a=1\ni:b';
  for (const words of ['add a', 'add b', 'add a b', '-f add a b', 'add !a a']) {
    expect(changes({ repository }, words).length).toBeGreaterThan(0);
  }
});

test.each([
  ['without a name', 'V:1\n'],
  ['without a version', 'P:a\n'],
  ['with an invalid identity', 'C:Q1x\nP:a\nV:1\n'],
])('a package %s is refused', async (_, text) => {
  const { simulate } = await import('../../../../build/base/alpine/applets/simulate.ts');
  const source = { text: '', where: 'none' };
  const situation = {
    world: source,
    installed: source,
    repositories: [{ tag: '', text, where: 'index' }],
  };
  expect(() => simulate(situation, ['add'])).toThrow(BuildError);
  expect(() => simulate(situation, ['add'])).toThrow('index, line 1');
});

test('more repositories or tags than the limit are refused', () => {
  const many = (tag: (i: number) => string) =>
    Array.from({ length: 40 }, (_, i) => [tag(i), `p${i} 1`] as const);
  expect(() => changes({ repositories: many(() => '') }, 'add')).toThrow(
    'more than 30 repositories',
  );
  const tagged = many((i) => `t${i}`).map(([tag]) => [tag, 'a 1'] as const);
  expect(() => changes({ repositories: tagged }, 'add')).toThrow('more than 30 repository tags');
});
