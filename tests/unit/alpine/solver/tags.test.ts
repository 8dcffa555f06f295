import { expect, test } from 'vitest';
import { changes } from './situation.ts';

const BASIC = 'a 2\nD:b\n\nb 2\n\nc 2\nD:a>=2\n\nsame 10\nT:basic';
const EDGE = 'a 3\nD:b\n\nb 3\n\nc 3\nD:a>=3\n\nsame 10\nT:edge';
const repositories = [
  ['', BASIC],
  ['edge', EDGE],
] as const;

test('packages of a tagged repository are installed only on request', () => {
  expect(changes({ repositories }, 'add a')).toEqual(['install b 2', 'install a 2', 'OK 2']);
  expect(changes({ repositories }, 'add c>=3')).toEqual(['ERROR unsatisfiable']);
});

test('a tag applies to its package; dependencies use the tagged repository only if necessary', () => {
  expect(changes({ repositories }, 'add a@edge')).toEqual([
    'install b 2',
    'install a 3 @edge',
    'OK 2',
  ]);
  expect(changes({ repositories }, 'add c@edge')).toEqual([
    'install b 2',
    'install a 3 @edge',
    'install c 3 @edge',
    'OK 3',
  ]);
  expect(changes({ repositories }, 'add a@edge b@edge')).toEqual([
    'install b 3 @edge',
    'install a 3 @edge',
    'OK 2',
  ]);
});

test('a tag selects the tagged repository’s build of the same version', () => {
  expect(changes({ repositories }, 'add same@edge')).toEqual(['install same 10 @edge', 'OK 1']);
});

test('one repository may be listed under several tags and untagged', () => {
  const both = [
    ['', BASIC],
    ['edge', EDGE],
    ['next', EDGE],
    ['', EDGE],
  ] as const;
  expect(changes({ repositories: both }, 'add a')).toEqual(['install b 3', 'install a 3', 'OK 2']);
});

test('a change of only the tag is a change', () => {
  const installed = 'a 3\nD:b\ns:edge\n\nb 2';
  const given = {
    world: 'a@edge',
    installed,
    repositories: [...repositories, ['next', EDGE] as const],
  };
  expect(changes(given, 'add')).toEqual(['OK 2']);
  expect(changes(given, 'add a@next')).toEqual(['pin a 3 @next', 'OK 2']);
});

test('a package whose tag is removed is downgraded to the untagged version', () => {
  const installed = 'a 3\nD:b\ns:edge\n\nb 2\n\nc 3\nD:a>=3\ns:edge';
  const given = { world: 'a@edge', installed, repositories };
  expect(changes(given, 'add a')).toEqual(['purge c 3', 'downgrade a 3 2', 'OK 2']);
});

test('an upgrade stays within the tags', () => {
  const installed = 'a 2\nD:b\n\nb 1';
  const given = { world: 'a@edge b', installed, repositories };
  expect(changes(given, 'upgrade')).toEqual(['upgrade b 1 2', 'upgrade a 2 3 @edge', 'OK 2']);
});

test('an install-if package may come from the tagged repository of its condition', () => {
  const extra = [...repositories, ['edge', 'a-extra 1\ni:a=3'] as const];
  expect(changes({ repositories: extra }, 'add a@edge')).toEqual([
    'install b 2',
    'install a 3 @edge',
    'install a-extra 1 @edge',
    'OK 3',
  ]);
});

test('a tag that no repository has is refused', () => {
  expect(changes({ repositories }, 'add a@nowhere')).toEqual(['ERROR other']);
  expect(changes({ world: 'a@nowhere', repositories }, 'upgrade')).toEqual(['ERROR other']);
});
