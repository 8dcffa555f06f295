import { expect, test } from 'vitest';
import { details } from './situation.ts';

test.each([
  [
    'a missing name is reported with the dependencies that lead to it, and with its likely spelling',
    'app 1\nD:libfo\n\nlibfoo 1',
    'add app',
    'world wants app, app-1 needs libfo, but nothing is called or provides libfo (did you mean libfoo?)',
  ],
  [
    'a version that does not exist is reported with the existing ones',
    'a 1\n\na 2',
    'add a>2',
    'world wants a>2, but there is only a-1, a-2',
  ],
  [
    'two packages that need different versions are reported with the dependencies that lead to each',
    'app 1\nD:lib>1\n\ntool 1\nD:lib<2\n\nlib 1\n\nlib 2',
    'add app tool',
    'world wants tool, tool-1 needs lib<2, but lib-2 is to be installed (world wants app, app-1 needs lib>1)',
  ],
  [
    'the package that forbids another one is reported',
    'a 1\nD:!b\n\nb 1\n\nc 1\nD:b',
    'add a c',
    'world wants a, a-1 forbids b, but b-1 is to be installed (world wants c, c-1 needs b)',
  ],
  [
    'packages that claim one name are reported',
    'a 1\np:x=1\n\nb 1\np:x=2',
    'add a b',
    'world wants a; world wants b: a-1 and b-1 both claim the name x',
  ],
  [
    'a package that claims a name twice is reported',
    'a 1\np:x=1 x=2',
    'add a',
    'world wants a, but a-1 claims the name x twice',
  ],
  [
    'a virtual name is reported with the packages to choose from',
    'a 1\np:x\n\nb 1\np:x\n\nc 1\nD:x',
    'add c',
    'world wants c, c-1 needs x, but a, b provide it only as a virtual name: add the one you want',
  ],
  [
    'a package that would need the network is reported',
    'a 1',
    '--no-network add a',
    'world wants a: a-1 cannot be fetched without the network',
  ],
  [
    'a dependency that cannot be read is reported',
    'a 1\nD:@x',
    'add a',
    'world wants a: a-1 cannot be used: its dependency',
  ],
])('%s', (_, repository, words, told) => {
  expect(details({ repository }, words)).toContain(told);
});

test('a package that only a tagged repository has is reported with the tag to write', () => {
  const repositories = [
    ['', 'a 1'],
    ['edge', 'a 2'],
  ] as const;
  expect(details({ repositories }, 'add a>1')).toBe(
    'world wants a>1: a-2 is only in @edge: write a@edge',
  );
});

test('a package for another CPU is reported', () => {
  expect(details({ architecture: 'x86_64', repository: 'a 1\nA:armv7' }, 'add a')).toContain(
    'a-1 cannot be used: it is for armv7, not x86_64',
  );
});

test('a long list is shortened', () => {
  const repository = Array.from({ length: 30 }, (_, i) => `a ${i}`).join('\n\n');
  expect(details({ repository }, 'add a>30')).toContain('a-7 and 22 more');
});

test('a long dependency chain is shortened in the middle', () => {
  const repository = Array.from({ length: 30 }, (_, i) => `p${i} 1\nD:p${i + 1}`).join('\n\n');
  expect(details({ repository }, 'add p0')).toContain('p3-1 needs p4, …, p25-1 needs p26');
});

test('nothing is reported twice', () => {
  const lines = details({ repository: 'a 1\nD:x x' }, 'add a').split('\n');
  expect(lines).toEqual([...new Set(lines)]);
});
