import { Readable } from 'node:stream';
import { Header, Pax } from 'tar';
import { expect, test } from 'vitest';
import type { Entry } from '../../../build/tree/entry.ts';
import { readTar } from '../../../build/tree/read-tar.ts';
import { tarStream } from '../../../build/tree/tar-stream.ts';
import { directory, file, hardlink, symlink, treeOf } from './trees.ts';

const BLOCK = 512;
const END = Buffer.alloc(2 * BLOCK);

type Fields = ConstructorParameters<typeof Header>[0];

/** One member of a tar: header, content and what fills the last block. */
function member(fields: Exclude<Fields, Buffer>, content = ''): Buffer {
  const header = Buffer.alloc(BLOCK);
  const defaults = { type: 'File', mode: 0o644, uid: 0, gid: 0, size: content.length } as const;
  new Header({ ...defaults, ...fields }).encode(header, 0);
  const padding = (BLOCK - (content.length % BLOCK)) % BLOCK;
  return Buffer.concat([header, Buffer.from(content), Buffer.alloc(padding)]);
}

/** A member whose header has other bytes at a place, with a checksum that fits. */
function forged(at: number, bytes: string, content = ''): Buffer {
  const block = member({ path: 'x' }, content);
  block.write(bytes, at, 'latin1');
  block.fill(' ', 148, 156);
  const sum = block.subarray(0, BLOCK).reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** Reads a tar as a package is read. */
async function read(...parts: Uint8Array[]) {
  const entries: Entry[] = [];
  const contents = new Map<string, string>();
  const sink = {
    add: (entry: Entry) => void entries.push(entry),
    async file(
      entry: Omit<Entry & { type: 'file' }, 'content'>,
      chunks: AsyncIterable<Uint8Array>,
    ) {
      contents.set(entry.path, Buffer.concat(await Array.fromAsync(chunks)).toString());
    },
  };
  await readTar(Readable.from(parts), sink, 'package test');
  return { entries, contents };
}

test('files, directories and links come with their owners and modes', async () => {
  const { entries, contents } = await read(
    member({ path: './usr/', type: 'Directory', mode: 0o755 }),
    member({ path: './usr/a', mode: 0o4755, uid: 3 }, 'hello'),
    member({ path: 'usr/b', type: 'SymbolicLink', linkpath: '../x' }),
    member({ path: 'usr/c', type: 'Link', linkpath: './usr/a' }),
    END,
  );
  expect(contents).toEqual(new Map([['usr/a', 'hello']]));
  expect(entries).toMatchObject([
    { type: 'directory', path: 'usr', mode: 0o755 },
    { type: 'symlink', path: 'usr/b', target: '../x' },
    { type: 'hardlink', path: 'usr/c', target: 'usr/a' },
  ]);
});

test('names of more than 100 characters come whole from pax headers', async () => {
  const path = `usr/${'long/'.repeat(40)}name`;
  const { contents } = await read(
    new Pax({ path, size: 2 }).encode(),
    member({ path: path.slice(0, 90) }, 'hi'),
    END,
  );
  expect([...contents.keys()]).toEqual([path]);
});

test('what the builder writes is read back the same', async () => {
  const tree = treeOf(
    directory('usr'),
    file('usr/a', 'content'),
    file(`usr/${'n'.repeat(200)}`, 'long'),
    hardlink('usr/z', 'usr/a'),
    symlink('usr/l', 'a'),
  );
  const { entries, contents } = await read(...tarStream(tree, 1));
  expect(contents.get(`usr/${'n'.repeat(200)}`)).toBe('long');
  expect(entries.map(({ path }) => path)).toEqual(['usr', 'usr/l', 'usr/z']);
});

test.each([
  ['leaves the tree', 'usr/../../etc/passwd'],
  ['leaves the tree', '..'],
  ['is absolute', '/etc/passwd'],
])('a name that %s is refused: %s', async (why, path) => {
  await expect(read(member({ path }, 'evil'), END)).rejects.toThrow(why);
});

test('a hard link to something outside of the tree is refused', async () => {
  const link = member({ path: 'a', type: 'Link', linkpath: '../../etc/shadow' });
  await expect(read(link, END)).rejects.toThrow('leaves the tree');
});

test('a pax header that turns a harmless name into one outside is refused', async () => {
  const pax = new Pax({ path: '../outside', size: 4 }).encode();
  await expect(read(pax, member({ path: 'inside' }, 'evil'), END)).rejects.toThrow(
    'leaves the tree',
  );
});

test('an entry of unknown type is refused', async () => {
  await expect(read(forged(156, 'Q'), END)).rejects.toThrow('x is of unknown type');
});

test('a header with a wrong checksum is refused', async () => {
  const damaged = member({ path: 'a' }, 'x');
  damaged.write('b', 0);
  await expect(read(damaged, END)).rejects.toThrow('archive is damaged');
});

test('a negative size is refused, for what follows is no header', async () => {
  const negative = `\xff${'\xff'.repeat(10)}\xfe`;
  await expect(read(forged(124, negative, 'content'), END)).rejects.toThrow('archive is damaged');
});

test('a size that no package has is refused before anything of it is kept', async () => {
  const huge = '77777777777 ';
  await expect(read(forged(124, huge), END)).rejects.toThrow('archive is damaged');
});

test('a stream that ends within a file is refused', async () => {
  const whole = member({ path: 'a' }, 'x'.repeat(2000));
  await expect(read(whole.subarray(0, 1000))).rejects.toThrow('archive is damaged');
});

test('a stream that ends between two files, without an end mark, is refused', async () => {
  await expect(read(member({ path: 'a' }, 'x'))).rejects.toThrow('ends before its end mark');
});

test('an endless stream of entries is refused, and not read to an end it does not have', async () => {
  const one = member({ path: 'a', type: 'Directory' });
  const endless = async function* () {
    const many = Buffer.concat(Array.from({ length: 2000 }, () => one));
    for (;;) yield many;
  };
  const sink = { add: () => undefined, file: async () => undefined };
  await expect(readTar(endless(), sink, 'package test')).rejects.toThrow('larger than any package');
});

test('bytes that are no tar at all are refused', async () => {
  await expect(read(Buffer.from('#!/bin/sh\n'.repeat(200)))).rejects.toThrow('archive is damaged');
});
