import { expect, test } from 'vitest';
import { parseInstalled } from '../../../../build/base/alpine/installed/read.ts';
import { formatInstalled } from '../../../../build/base/alpine/installed/write.ts';
import { BuildError } from '../../../../build/error.ts';
import { EMPTY_CHECKSUM as Z } from './packages.ts';

const text = `C:${Z}
P:a
V:1-r0
A:x86_64
S:10
I:20
T:Text
U:https://a.example
L:MIT
D:b c>1
r:d
q:3
s:edge
f:fx
F:
R:motd
Z:${Z}
F:etc
M:0:42:750
R:shadow
a:0:42:640:${Z}
Z:${Z}
R:pipe

C:${Z}
P:b
V:2-r0
A:x86_64
S:10
I:0
T:
U:
L:

`;

test('a database is written back byte for byte', () => {
  expect(formatInstalled(parseInstalled(text, 'installed'))).toBe(text);
});

test('files of a package are read with owners, modes and checksums', () => {
  const [a, b] = parseInstalled(text, 'installed');
  expect(a?.record.directories[1]).toMatchObject({
    path: 'etc',
    ownership: { uid: 0, gid: 42, mode: 0o750 },
    files: [
      { name: 'shadow', ownership: { gid: 42, mode: 0o640 } },
      { name: 'pipe', sha1: undefined },
    ],
  });
  expect(a).toMatchObject({
    tag: 'edge',
    broken: 'fx',
    record: { replaces: ['d'], replacesPriority: 3 },
  });
  expect(b?.record.directories).toEqual([]);
});

const stanza = (line: string) => `C:${Z}\nP:a\nV:1\n${line}\n`;

test.each([
  ['no name', `C:${Z}\nV:1\n`],
  ['no version', `C:${Z}\nP:a\n`],
  ['no identity', 'P:a\nV:1\n'],
  ['an identity of another kind', 'C:Q2abc\nP:a\nV:1\n'],
  ['an identity that is cut', `C:${Z.slice(0, -2)}\nP:a\nV:1\n`],
  ['a line that is no field', stanza('nonsense')],
  ['a field of a newer apk', stanza('Y:1')],
  ['a mark of a newer apk', stanza('f:z')],
  ['a priority that is no number', stanza('q:high')],
  ['a file without a directory', stanza('R:x')],
  ['a checksum without a file', stanza(`F:etc\nZ:${Z}`)],
  ['an owner without a file', stanza('F:etc\na:0:0:644')],
  ['a directory’s owner without a directory', stanza('M:0:0:755')],
  ['a malformed owner', stanza('F:etc\nM:0:0:999')],
  ['a malformed checksum', stanza('F:etc\nR:x\nZ:garbage')],
  ['a directory outside the root', stanza('F:../etc')],
  ['an absolute directory', stanza('F:/etc')],
  ['a file name with a slash', stanza('F:etc\nR:a/b')],
  ['a file name that leads up', stanza('F:etc\nR:..')],
  ['an empty file name', stanza('F:etc\nR:')],
])('a database with %s is refused', (_, damaged) => {
  expect(() => parseInstalled(damaged, 'installed')).toThrow(BuildError);
  expect(() => parseInstalled(damaged, 'installed')).toThrow('installed');
});
