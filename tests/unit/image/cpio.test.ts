import { execa } from 'execa';
import { expect, test } from 'vitest';
import { makeCpioArchive } from '../../../build/image/cpio.ts';
import type { Entry } from '../../../build/tree/entry.ts';
import { temporaryFolder } from '../folder.ts';
import { directory, file, hardlink, program, symlink, treeOf } from '../tree/trees.ts';

const EPOCH = 1_700_000_000;
const console_: Entry = {
  type: 'character',
  path: 'dev/console',
  mode: 0o600,
  uid: 0,
  gid: 5,
  major: 5,
  minor: 1,
  origin: 'package test',
};
const entries = [
  directory('bin', 0o755),
  program('bin/busybox', 'ELF of an odd length'),
  symlink('bin/sh', 'busybox'),
  file('etc/grüße', 'hello', { mode: 0o640, uid: 7, gid: 70_000 }),
  file('etc/empty'),
];

test('busybox lists its contents with owners and modes', async () => {
  const archive = makeCpioArchive(treeOf(...entries, console_), EPOCH);
  const { stdout } = await execa('busybox', ['cpio', '-tv'], {
    input: archive,
    env: { TZ: 'UTC' },
  });
  const lines = stdout.split('\n').map((line) => line.replace(/ +/g, ' '));
  expect(lines).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^drwxr-xr-x 0\/0 0 2023-11-14 22:13:20 bin$/),
      expect.stringMatching(/^-rwxr-xr-x 0\/0 20 2023-11-14 22:13:20 bin\/busybox$/),
      expect.stringMatching(/^lrwxrwxrwx .* bin\/sh -> busybox$/),
      expect.stringMatching(/^-rw-r----- 7\/70000 5 .* etc\/gr.+e$/),
      expect.stringMatching(/^crw------- 0\/5 .*dev\/console$/),
    ]),
  );
});

test('busybox unpacks the same contents', async () => {
  const cwd = await temporaryFolder();
  await execa('busybox', ['cpio', '-id'], {
    cwd,
    input: makeCpioArchive(treeOf(...entries), EPOCH),
  });
  const { stdout } = await execa('sh', ['-c', 'cat bin/sh etc/gr* etc/empty'], { cwd });
  expect(stdout).toBe('ELF of an odd lengthhello');
});

test('the same tree gives the same bytes, in whatever order its entries were added', () => {
  const archive = makeCpioArchive(treeOf(...entries), EPOCH);
  expect(makeCpioArchive(treeOf(...[...entries].reverse()), EPOCH).equals(archive)).toBe(true);
  expect(archive.subarray(0, 6).toString()).toBe('070701');
  expect(archive.length % 4).toBe(0);
});

test('a hard link, extended attributes, and a file too large for memory are refused by name', () => {
  const linked = treeOf(file('a', 'x'), hardlink('b', 'a'));
  expect(() => makeCpioArchive(linked, EPOCH)).toThrow(
    'b cannot go into an initramfs (package test)',
  );
  const huge = treeOf(file('small', 'x'), { ...file('huge'), size: 2 ** 29 });
  expect(() => makeCpioArchive(huge, EPOCH)).toThrow(
    'the initramfs would have 536870913 bytes, of which huge has 536870912; it may have 536870912 (package test).',
  );
  const able = treeOf({ ...file('able'), attributes: { 'security.capability': '01' } });
  expect(() => makeCpioArchive(able, EPOCH)).toThrow('able cannot go into an initramfs');
});
