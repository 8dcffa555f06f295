import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import {
  makeFileAddress,
  parseRepositoryAddress,
} from '../../../../build/base/alpine/repository/address.ts';
import { BuildError } from '../../../../build/error.ts';

test.each([
  ['http://mirror/v3.22/main/', '', 'http://mirror/v3.22/main'],
  ['HTTPS://mirror/main', '', 'HTTPS://mirror/main'],
  ['file:///srv/main', '', 'file:///srv/main'],
  ['@edge http://mirror/edge', 'edge', 'http://mirror/edge'],
  ['/srv/a b', '', 'file:///srv/a%20b'],
  ['@local /srv/x', 'local', 'file:///srv/x'],
  ['repo', '', `file://${resolve('repo')}`],
])('%j is a repository with tag %j at %s', (text, tag, url) => {
  expect(parseRepositoryAddress(text)).toEqual({ tag, url });
});

test.each(['ftp://mirror/main', 'http://', 'ssh://x'])('%j is refused', (text) => {
  expect(() => parseRepositoryAddress(text)).toThrow(BuildError);
});

test('package names are percent-encoded, plus signs too, which some servers take for spaces', () => {
  expect(makeFileAddress('http://m', 'x86_64', 'libstdc++-1.0_p1~ab-r0.apk')).toBe(
    'http://m/x86_64/libstdc%2B%2B-1.0_p1~ab-r0.apk',
  );
  expect(makeFileAddress('http://m', 'x86_64', 'a?b#c%d.apk')).toBe(
    'http://m/x86_64/a%3Fb%23c%25d.apk',
  );
});

test.each(['..', '.', '', 'a/b', 'a\\b', 'a\0'])(
  'the path component %j, which could lead elsewhere, is refused',
  (part) => {
    expect(() => makeFileAddress('http://m', part, 'x.apk')).toThrow(BuildError);
    expect(() => makeFileAddress('http://m', 'x86_64', part)).toThrow(BuildError);
  },
);
