import { open, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BuildError } from '../../../build/error.ts';
import { ContentReader } from '../../../build/tree/content.ts';
import type { FileEntry } from '../../../build/tree/entry.ts';
import { Tree } from '../../../build/tree/tree.ts';
import { temporaryFolder } from '../folder.ts';
import { file } from './trees.ts';

/** An entry whose bytes are part of a file on the host. */
function slice(host: string, offset: number, size: number): FileEntry {
  return { ...file('etc/x'), size, content: { in: 'file', file: host, offset } };
}

test('content is in memory or in a part of a file', async () => {
  const host = join(await temporaryFolder(), 'archive');
  await writeFile(host, 'headhellotail');
  using reader = new ContentReader();
  expect(reader.text(file('a', 'grüße'))).toBe('grüße');
  expect(reader.text(slice(host, 4, 5))).toBe('hello');
  const part = Buffer.alloc(3);
  reader.read(slice(host, 4, 5), 1, part);
  expect(part.toString()).toBe('ell');
});

test('a file that became shorter is reported with the host’s path', async () => {
  const host = join(await temporaryFolder(), 'archive');
  await writeFile(host, 'head');
  using reader = new ContentReader();
  expect(() => reader.bytes(slice(host, 2, 5))).toThrow(
    /^etc\/x ends 3 bytes early \(.*archive\)\. The file changed during the build; run it again/,
  );
  const promised = { ...file('a', 'abc'), size: 5 };
  expect(() => reader.bytes(promised)).toThrow('a ends 2 bytes early (package test)');
});

test('a file that is gone is reported, unless it is open already', async () => {
  const host = join(await temporaryFolder(), 'archive');
  await writeFile(host, 'hello');
  const reader = new ContentReader();
  expect(reader.text(slice(host, 0, 5))).toBe('hello');
  await rm(host);
  expect(reader.text(slice(host, 0, 5))).toBe('hello');
  reader[Symbol.dispose]();
  expect(() => reader.bytes(slice(host, 0, 5))).toThrow(BuildError);
});

/** A file that uses disk space only at its end. */
async function sparse(host: string, size: number, end: string): Promise<void> {
  await using handle = await open(host, 'wx');
  await handle.write(end, size - end.length);
}

test('any part of a file larger than 2 GiB can be read, without reading the whole', async () => {
  const host = join(await temporaryFolder(), 'disk.img');
  const size = 2200 * 1024 ** 2;
  await sparse(host, size, 'the end');
  using reader = new ContentReader();
  const end = Buffer.alloc(9);
  reader.read(slice(host, 0, size), size - end.length, end);
  expect(end.toString()).toBe('\0\0the end');
  expect(() => reader.bytes(slice(host, 0, size))).toThrow(
    `/etc/x has ${size} bytes, more than a file of its kind has (${host})`,
  );
});

test('files too large to be read at once are compared completely', async () => {
  const folder = await temporaryFolder();
  const size = 129 * 1024 ** 2;
  const [one, other] = [join(folder, 'one'), join(folder, 'other')];
  await sparse(one, size, 'end');
  await sparse(other, size, 'eNd');
  using reader = new ContentReader();
  const tree = new Tree(reader);
  tree.add(slice(one, 0, size));
  expect(() => tree.add(slice(other, 0, size))).toThrow(
    'both claim one path with different content',
  );
  tree.add(slice(one, 0, size));
});

test('of thousands of archives only a few are open at a time', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'archive'), 'hello');
  using reader = new ContentReader();
  // One file with many paths counts as many files.
  for (let index = 0; index < 1100; index += 1) {
    expect(reader.text(slice(`${folder}${'/.'.repeat(index)}/archive`, 0, 5))).toBe('hello');
  }
  expect((await readdir('/proc/self/fd')).length).toBeLessThan(700);
});
