import { zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { makeCpioArchive } from '../../../build/image/cpio.ts';
import { compareCpio, readInitramfs } from '../../../build/readback/cpio.ts';
import type { Entry } from '../../../build/tree/entry.ts';
import { directory, file, program, symlink, treeOf } from '../tree/trees.ts';

const EPOCH = 1_700_000_000;
const expected = { epoch: EPOCH, where: 'initramfs' };
const console_: Entry = {
  ...{ type: 'character', path: 'dev/console', mode: 0o600, uid: 0, gid: 5, origin: 'test' },
  ...{ major: 5, minor: 1 },
};
const entries = (): Entry[] => [
  directory('bin'),
  program('init', '#!/bin/busybox sh\n'),
  program('bin/busybox', 'ELF of an odd length'),
  symlink('bin/sh', 'busybox'),
  file('etc/grüße', 'hello', { mode: 0o640, uid: 7, gid: 70_000 }),
  file('etc/empty'),
  console_,
];
const archive = () => makeCpioArchive(treeOf(...entries()), EPOCH);

test('a written archive reads back as the tree', () => {
  expect(compareCpio(archive(), treeOf(...entries()), expected)).toEqual([]);
});

test('every difference from the tree is reported', () => {
  const tree = treeOf(...entries());
  tree.replace(program('init', '#!/bin/busybox ash\n'));
  tree.replace(symlink('bin/sh', 'busybux'));
  tree.replace(file('etc/grüße', 'hellu', { mode: 0o640, uid: 7, gid: 70_000 }));
  tree.replace(file('etc/empty', '', { mode: 0o600 }));
  tree.replace({ ...console_, type: 'block' });
  tree.remove('bin/busybox');
  tree.add(file('etc/more'));
  expect(compareCpio(archive(), tree, expected).sort()).toEqual(
    [
      '/bin/busybox is unexpected',
      '/bin/sh has target "busybox", not "busybux"',
      '/dev/console is a character, not a block',
      '/etc/empty has mode 644, not 600',
      '/etc/grüße has other content',
      '/etc/more is missing',
      '/init has size 18, not 19',
    ].sort(),
  );
});

test.each<[string, (bytes: Buffer) => Buffer, string]>([
  ['cut off', (bytes) => bytes.subarray(0, -8), 'it ends too early'],
  [
    'followed by something',
    (bytes) => Buffer.concat([bytes, Buffer.alloc(4)]),
    'it goes on after its end',
  ],
  [
    'of another format',
    (bytes) => Buffer.from(bytes.toString('latin1').replace('070701', '070702'), 'latin1'),
    'it is not a cpio archive',
  ],
  [
    'with a malformed number',
    (bytes) => Buffer.from(bytes.toString('latin1').replace('070701000', '070701x00'), 'latin1'),
    'a header has a malformed number',
  ],
  [
    'without a directory',
    (bytes) => Buffer.from(bytes.toString('latin1').replace('bin\0', 'bun\0'), 'latin1'),
    '/bin/busybox comes before its directory',
  ],
])('an archive that is %s is refused', (_, change, message) => {
  expect(() => compareCpio(change(archive()), treeOf(...entries()), expected)).toThrow(
    `the image cannot be read back: ${message}`,
  );
});

test('an initramfs is read as several archives, the last one compressed, in which later paths replace earlier ones', () => {
  const first = makeCpioArchive(
    treeOf(directory('bin'), file('bin/early', 'a'), file('x', 'old')),
    EPOCH,
  );
  const last = zstdCompressSync(makeCpioArchive(treeOf(file('x', 'new'), file('y', 'b')), EPOCH));
  const nodes = readInitramfs(Buffer.concat([first, last]), 'initramfs');
  const contents = nodes.map(({ path, content }) => [path, content.toString()]);
  expect(Object.fromEntries(contents)).toEqual({ bin: '', 'bin/early': 'a', x: 'new', y: 'b' });
  const cut = Buffer.concat([first, last.subarray(0, -9)]);
  expect(() => readInitramfs(cut, 'initramfs')).toThrow('it does not decompress');
});
