import { expect, test } from 'vitest';
import {
  formatDependency,
  hasValidVersion,
  parseAtom,
  parseAtoms,
  parseDependency,
} from '../../../../build/base/alpine/dependency/dependency.ts';
import { BuildError } from '../../../../build/error.ts';

const same = (name: string) => name;

test.each([
  'name',
  'so:libc.musl-x86_64.so.1',
  '/bin/sh',
  'name=1.2-r3',
  'name>=1',
  'name<~1.2',
  '!name',
  '!name<2',
  'name@edge',
  'name@edge>1',
  'name><Q1EyN5AdpAOBJWKMR89pp/C66o+OE=',
])('%s is parsed and formatted unchanged', (text) => {
  expect(formatDependency(parseDependency(text, 'test'))).toBe(text);
});

test('an alternative spelling of an operator is formatted as apk does', () => {
  expect(formatDependency(parseDependency('a=>1', 'test'))).toBe('a>=1');
  expect(formatDependency(parseDependency('a~=1', 'test'))).toBe('a~1');
});

test('a list is split at spaces and line ends', () => {
  const { atoms, unreadable } = parseAtoms(' a  b>1\n!c ', same);
  expect(atoms.map(formatDependency)).toEqual(['a', 'b>1', '!c']);
  expect(unreadable).toBeUndefined();
});

test('the first invalid dependency is named, and valid ones are parsed', () => {
  const { atoms, unreadable } = parseAtoms('a >1 b @x', same);
  expect(atoms.map(formatDependency)).toEqual(['a', 'b']);
  expect(unreadable).toBe('>1');
});

test.each(['', '!', '=1', '!=1', '@edge', 'a@', 'a@>1', 'a@b@c', 'a b', '!!a', 'a\nb'])(
  '%j is not a dependency',
  (text) => {
    expect(parseAtom(text, same)).toBeUndefined();
    expect(() => parseDependency(text, 'world')).toThrow(BuildError);
  },
);

test.each(['a=', 'a==', 'a>x', 'a=1.0-beta'])('%s has an invalid version', (text) => {
  const atom = parseAtom(text, same);
  expect(atom === undefined || hasValidVersion(atom)).toBe(false);
  expect(() => parseDependency(text, 'world')).toThrow('not a valid dependency');
});

test('a list of any length is parsed in linear time', () => {
  const { atoms } = parseAtoms(`${'so:x=1 '.repeat(20_000)}${'<'.repeat(100_000)}`, same);
  expect(atoms).toHaveLength(20_000);
});
