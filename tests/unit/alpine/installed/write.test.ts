import { expect, test } from 'vitest';
import { formatInstalled } from '../../../../build/base/alpine/installed/write.ts';
import {
  EMPTY_SHA1,
  installed,
  ownedDirectory,
  ownedFile,
  EMPTY_CHECKSUM as Z,
} from './packages.ts';

test('a package is written field by field in apk’s order, then its files', () => {
  const fields = {
    i: 'x=1 y',
    p: 'cmd:a=1-r0',
    D: 'so:libc.musl-x86_64.so.1',
    k: '10',
    c: 'abc123',
    t: '1700000000',
    m: 'Me <me@example.org>',
    o: 'src',
    L: 'MIT',
    U: 'https://a.example',
    T: 'Text',
    I: '4096',
    S: '1234',
    A: 'x86_64',
    X: 'unknown',
  };
  const record = {
    replaces: ['b', 'c<2'],
    replacesPriority: 7,
    directories: [
      ownedDirectory('', ownedFile('motd')),
      {
        path: 'etc',
        ownership: { uid: 1, gid: 2, mode: 0o1777 },
        files: [
          ownedFile('plain'),
          { name: 'owned', ownership: { uid: 3, gid: 4, mode: 0o4711 }, sha1: EMPTY_SHA1 },
          { name: 'link', ownership: { uid: 0, gid: 0, mode: 0o777 }, sha1: EMPTY_SHA1 },
          { name: 'pipe', ownership: { uid: 0, gid: 0, mode: 0o600 }, sha1: undefined },
          {
            name: 'ping',
            ownership: { uid: 0, gid: 0, mode: 0o755, xattrs: EMPTY_SHA1 },
            sha1: EMPTY_SHA1,
          },
        ],
      },
    ],
  };
  const text = formatInstalled([{ ...installed('a', fields, record), tag: 'edge', broken: 'fs' }]);
  expect(text).toBe(
    [
      `C:${Z}`,
      'P:a',
      'V:1-r0',
      'A:x86_64',
      'S:1234',
      'I:4096',
      'T:Text',
      'U:https://a.example',
      'L:MIT',
      'o:src',
      'm:Me <me@example.org>',
      't:1700000000',
      'c:abc123',
      'k:10',
      'D:so:libc.musl-x86_64.so.1',
      'p:cmd:a=1-r0',
      'i:x=1 y',
      'r:b c<2',
      'q:7',
      's:edge',
      'f:fs',
      'F:',
      'R:motd',
      `Z:${Z}`,
      'F:etc',
      'M:1:2:1777',
      'R:plain',
      `Z:${Z}`,
      'R:owned',
      'a:3:4:4711',
      `Z:${Z}`,
      'R:link',
      'a:0:0:777',
      `Z:${Z}`,
      'R:pipe',
      'a:0:0:600',
      'R:ping',
      `a:0:0:755:${Z}`,
      `Z:${Z}`,
      '',
      '',
    ].join('\n'),
  );
});

test('fields that the index lacks are left out, except size, description, address and licence', () => {
  expect(formatInstalled([installed('a', { t: '0', k: '0', o: '' })])).toBe(
    `C:${Z}\nP:a\nV:1-r0\nS:0\nI:0\nT:\nU:\nL:\no:\n\n`,
  );
});

test('packages are sorted by name, ignoring case', () => {
  const names = ['zlib', 'R', '.virtual', 'openssl', 'a', 'A', 'lib_x', 'liba', 'py3-x'];
  const text = formatInstalled(names.map((name) => installed(name)));
  expect([...text.matchAll(/^P:(.*)$/gm)].map((match) => match[1])).toEqual([
    '.virtual',
    'A',
    'a',
    'lib_x',
    'liba',
    'openssl',
    'py3-x',
    'R',
    'zlib',
  ]);
});

test('dependencies are written with single spaces and apk’s operators', () => {
  const text = formatInstalled([installed('a', { D: '  b  c~=1 d=~2 e=>3 f><Q1x !g h<~4 i==5 ' })]);
  expect(text).toContain('\nD:b c~1 d~2 e>=3 f><Q1x !g h<~4 i=5\n');
});

test('numbers lose leading zeroes', () => {
  expect(formatInstalled([installed('a', { S: '007', I: '' })])).toContain('\nS:7\nI:0\n');
});

test('without packages the database is empty', () => {
  expect(formatInstalled([])).toBe('');
});
