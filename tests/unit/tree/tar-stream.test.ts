import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import type { Entry } from '../../../build/tree/entry.ts';
import { readTar } from '../../../build/tree/read-tar.ts';
import { tarSize, tarStream } from '../../../build/tree/tar-stream.ts';
import type { Tree } from '../../../build/tree/tree.ts';
import { temporaryFolder } from '../folder.ts';
import { Collection, chunked } from './tars.ts';
import { directory, file, hardlink, symlink, treeOf } from './trees.ts';

const EPOCH = 1_700_000_000;
const deep = `usr/share/${'deep/'.repeat(30)}${'ä'.repeat(100)}`;
const owner = { mode: 0o660, uid: 0, gid: 6, origin: 'package test' };

const entries: Entry[] = [
  directory('usr', 0o755),
  file('usr/tool', 'tool', { mode: 0o4755, uid: 1000, gid: 2_500_000 }),
  hardlink('a-link', 'usr/tool'),
  symlink('bin', 'usr/bin'),
  symlink('far', `/${deep}/${'t'.repeat(150)}`),
  symlink('usr/up', `../../${'u'.repeat(95)}`),
  symlink('usr/umlaut', '../ä'),
  file(deep, 'a long way'),
  file('empty'),
  file('block', Buffer.alloc(512, 'b')),
  { ...owner, type: 'block', path: 'dev/vda', major: 254, minor: 300 },
  { ...owner, type: 'character', path: 'dev/null', major: 1, minor: 3 },
  { ...owner, type: 'fifo', path: 'run/pipe' },
  directory('tmp', 0o1777),
];

const tarOf = (tree: Tree) =>
  Buffer.concat([...tarStream(tree, EPOCH)].map((one) => Buffer.from(one)));
const tar = tarOf(treeOf(...entries));

test('a written archive reads back the same', async () => {
  const collection = new Collection();
  await readTar(chunked(tar), collection, 'package test');
  const again = treeOf(...collection.entries);
  const known = (tree: Tree) =>
    tree.entries().map((entry) => ({ ...entry, origin: '', mode: modeOf(entry) }));
  expect(known(again)).toEqual(known(treeOf(...entries)));
});

test('GNU tar lists the entries as intended', async () => {
  const archive = join(await temporaryFolder(), 'x.tar');
  await writeFile(archive, tar);
  const { stdout, stderr } = await execa(
    'tar',
    ['--list', '--verbose', '--numeric-owner', '--quoting-style=literal', '--utc', '-f', archive],
    { env: { LC_ALL: 'C.UTF-8' } },
  );
  expect(stderr).toBe('');
  const lines = stdout.split('\n').map((line) => line.replace(/ +/g, ' '));
  const time = '2023-11-14 22:13';
  expect(lines).toContain(`-rwsr-xr-x 1000/2500000 4 ${time} usr/tool`);
  expect(lines).toContain(`hrw-r--r-- 0/0 0 ${time} a-link link to usr/tool`);
  expect(lines).toContain(`-rw-r--r-- 0/0 10 ${time} ${deep}`);
  expect(lines).toContain(`lrwxrwxrwx 0/0 0 ${time} far -> /${deep}/${'t'.repeat(150)}`);
  expect(lines).toContain(`brw-rw---- 0/6 254,300 ${time} dev/vda`);
  expect(lines).toContain(`crw-rw---- 0/6 1,3 ${time} dev/null`);
  expect(lines).toContain(`prw-rw---- 0/6 0 ${time} run/pipe`);
  expect(lines).toContain(`drwxrwxrwt 0/0 0 ${time} tmp/`);
});

test('parents come before children and files before their hard links', async () => {
  const { stdout } = await execa('tar', ['--list'], { input: tar });
  const names = stdout.split('\n').map((name) => name.replace(/\/$/, ''));
  for (const [index, name] of names.entries()) {
    const parent = name.slice(0, Math.max(0, name.lastIndexOf('/')));
    expect(parent === '' || names.slice(0, index).includes(parent)).toBe(true);
  }
  expect(names.indexOf('a-link')).toBeGreaterThan(names.indexOf('usr/tool'));
});

test('the same tree gives the same bytes, in whatever order its entries were added', () => {
  const [first, second, third, ...rest] = entries;
  const linksLast = [...rest.reverse(), first, second, third].filter((one) => one !== undefined);
  expect(tarOf(treeOf(...linksLast)).equals(tar)).toBe(true);
});

test('the size of an archive is known in advance, except with long names', () => {
  const plain = treeOf(file('a', 'x'), directory('b'), file('c', Buffer.alloc(513)));
  expect(tarOf(plain)).toHaveLength(tarSize(plain));
  expect(tarSize(treeOf(...entries))).toBeLessThanOrEqual(tar.length);
});

test('an empty tree is an archive with only an end mark', () => {
  expect(tarOf(treeOf()).equals(Buffer.alloc(1024))).toBe(true);
});

test('chunks are at most 1 MiB, and are not changed after they are returned', () => {
  const tree = treeOf(file('big', Buffer.alloc(5_000_000, 'quantix')), file('small', 'x'));
  const chunks = [...tarStream(tree, EPOCH)];
  expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(1024 * 1024);
  expect(Buffer.concat(chunks).equals(tarOf(tree))).toBe(true);
});

test('with reused buffers the archive has the same bytes', () => {
  const tree = treeOf(file('big', Buffer.alloc(5_000_000, 'quantix')), file('small', 'x'));
  const memories = new Set<ArrayBufferLike>();
  const chunks = [
    ...tarStream(tree, EPOCH, { reuse: true }).map((chunk) => {
      memories.add(chunk.buffer);
      return Buffer.from(chunk);
    }),
  ];
  expect(Buffer.concat(chunks).equals(tarOf(tree))).toBe(true);
  expect(memories.size).toBe(1);
});

/** A link's own mode has no meaning, and not every tar stores it. */
function modeOf(entry: Entry): number {
  return entry.type === 'symlink' ? 0o777 : entry.mode;
}
