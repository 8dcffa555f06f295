import { expect, test } from 'vitest';
import { BuildError } from '../../../build/error.ts';
import { getParent, nameOf, parseTreePath } from '../../../build/tree/path.ts';

test.each([
  ['./', ''],
  ['.', ''],
  ['', ''],
  ['./usr/bin/', 'usr/bin'],
  ['usr//bin/./ls', 'usr/bin/ls'],
  ['..a/b..', '..a/b..'],
  ['...', '...'],
  ['a\\..\\b', 'a\\..\\b'],
  ['ü/名', 'ü/名'],
  ['a'.repeat(255), 'a'.repeat(255)],
])('the name %j is the tree path %j', (name, path) => {
  expect(parseTreePath(name, 'x.deb')).toBe(path);
});

test.each([
  ['/etc/passwd', 'absolute'],
  ['//etc/passwd', 'absolute'],
  ['..', 'leaves the tree'],
  ['../etc/passwd', 'leaves the tree'],
  ['a/../b', 'leaves the tree'],
  ['./a/..', 'leaves the tree'],
  ['a\0b', 'NUL'],
  ['a'.repeat(256), 'more than 255 bytes'],
  ['ü'.repeat(128), 'more than 255 bytes'],
  ['a/'.repeat(2100), 'longer than 4095 bytes'],
])('the name %j is refused', (name, why) => {
  expect(() => parseTreePath(name, 'x.deb')).toThrow(BuildError);
  expect(() => parseTreePath(name, 'x.deb')).toThrow(why);
  expect(() => parseTreePath(name, 'x.deb')).toThrow('(x.deb)');
});

test('a refused name is shown escaped and shortened', () => {
  expect(() => parseTreePath(`/\u001b[2J${'x'.repeat(500)}`, 'x.deb')).toThrow(
    /name "\/\\u001b\[2Jx{1,120}…" is/,
  );
});

test('a path splits into its directory and its name', () => {
  expect([getParent('a/b/c'), nameOf('a/b/c'), getParent('a'), nameOf('a')]).toEqual([
    'a/b',
    'c',
    '',
    'a',
  ]);
});
