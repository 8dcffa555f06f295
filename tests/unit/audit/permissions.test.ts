import { expect, test } from 'vitest';
import { directory, file, hardlink, symlink } from '../tree/trees.ts';
import { audited } from './findings.ts';

test('set-uid and set-gid files on the list pass, also through links', () => {
  const setuid = { '/bin/su': 'log in as root' };
  const merged = [directory('usr/sbin'), symlink('sbin', 'usr/sbin')];
  expect(audited([file('bin/su', 'su', { mode: 0o4755 })], { setuid })).toEqual([]);
  expect(
    audited([...merged, file('usr/sbin/su', '', { mode: 0o4755 })], {
      setuid: { '/sbin/su': 'r' },
    }),
  ).toEqual([]);
  expect(audited([directory('var/mail', 0o2775)])).toEqual([]);
  const linked = [file('bin/x', '', { mode: 0o4755 }), hardlink('bin/su', 'bin/x')];
  expect(audited(linked, { setuid })).toEqual([]);
});

test('a set-uid or set-gid file that is not on the list is a finding', () => {
  expect(
    audited([file('bin/a', 'a', { mode: 0o4755 }), file('bin/b', 'b', { mode: 0o2755 })]),
  ).toEqual([
    'setuid: bin/a is set-uid, which the profile does not allow',
    'setuid: bin/b is set-gid, which the profile does not allow',
  ]);
});

test.each([[[file('bin/su', 'su', { mode: 0o755 })]], [[]]])(
  'an entry of the list that matches no file is a finding',
  (tree) => {
    expect(audited(tree, { setuid: { '/bin/su': 'log in as root' } })).toEqual([
      'setuid: bin/su is in the list `setuid` of the profile, but is not a set-uid or set-gid file',
    ]);
  },
);

test('a world-writable file or directory is a finding, unless the directory is sticky', () => {
  const free = file('etc/free', '', { mode: 0o666 });
  expect(audited([free, directory('srv', 0o777)])).toEqual([
    'writable: etc/free is a file that everyone may write',
    'writable: srv is a directory in which everyone may replace files',
  ]);
  const sticky = [directory('tmp', 0o1777), file('tmp/x', '', { mode: 0o666 })];
  expect(audited([...sticky, symlink('etc/x', 'passwd')])).toEqual([]);
});

test('owners without a name are findings, one for each id', () => {
  const tree = [
    file('a', '', { uid: 65534, gid: 5 }),
    file('b', '', { uid: 101 }),
    file('c', '', { uid: 101, gid: 103 }),
  ];
  expect(audited(tree)).toEqual([
    'owner: b and 1 more belongs to uid 101, which /etc/passwd does not name',
    'owner: c belongs to gid 103, which /etc/group does not name',
  ]);
});
