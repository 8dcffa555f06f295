import { chmod, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cacheRooms } from '../../../build/cache/directory.ts';
import { nameOpenedFolder, OpenedStore } from '../../../build/cache/opened.ts';
import { formatIndex, parseIndex } from '../../../build/cache/opened-index.ts';
import type { ArchiveReader } from '../../../build/contract/base.ts';
import { BuildError } from '../../../build/error.ts';
import { ContentReader } from '../../../build/tree/content.ts';
import type { Entry } from '../../../build/tree/entry.ts';
import type { EntrySink } from '../../../build/tree/sink.ts';
import { temporaryFolder } from './room.ts';

const origin = 'package tiny';
const owner = { uid: 0, gid: 42, origin };
const sha256 = 'ab'.repeat(32);
const archive = {
  locked: {
    name: 'tiny',
    version: '1',
    architecture: 'amd64',
    repository: 'main',
    path: 'pool/tiny.deb',
    size: 10,
    sha256,
  },
  file: '/nonexistent/tiny.deb',
};
const big = Buffer.alloc(2_500_000, 'big');

async function* chunks(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

function fileEntry(path: string, size: number) {
  return { type: 'file', path, mode: 0o4755, size, ...owner } as const;
}

const READER = { name: 'debian', readerVersion: 'one' } as const;

/** Creates a reader that gives the same content for all archives, and counts the calls. */
function tinyBase(fill: (sink: EntrySink) => Promise<void> = tinyContents) {
  const counted = { reads: 0 };
  const base: ArchiveReader = {
    ...READER,
    async open(_archive, sink) {
      counted.reads += 1;
      await fill(sink);
    },
  };
  return { base, counted };
}

async function tinyContents(sink: EntrySink): Promise<void> {
  sink.add({ type: 'directory', path: 'usr', mode: 0o755, ...owner });
  await sink.file(fileEntry('usr/a', 5), chunks(Buffer.from('he'), Buffer.from('llo')));
  await sink.file(fileEntry('usr/big', big.length), chunks(big.subarray(0, 7), big.subarray(7)));
  await sink.file(fileEntry('usr/empty', 0), chunks());
  const attributes = { 'security.capability': '0100000200200000' };
  await sink.file({ ...fileEntry('usr/able', 1), attributes }, chunks(Buffer.from('x')));
  sink.add({ type: 'hardlink', path: 'usr/b', mode: 0o755, target: 'usr/a', ...owner });
  sink.add({ type: 'symlink', path: 'usr/ü "', mode: 0o777, target: '../x\n', ...owner });
  sink.add({ type: 'character', path: 'dev/null', mode: 0o666, major: 1, minor: 3, ...owner });
  sink.add({ type: 'block', path: 'dev/vda', mode: 0o660, major: 254, minor: 0, ...owner });
  sink.add({ type: 'fifo', path: 'run/initctl', mode: 0o600, ...owner });
}

async function emptyOpened() {
  const directory = cacheRooms(await temporaryFolder());
  const notes: string[] = [];
  const store = new OpenedStore(directory, (line) => notes.push(line));
  const start = join(directory.opened, nameOpenedFolder(READER), sha256);
  return { store, notes, directory, contents: `${start}.blob`, index: `${start}.json` };
}

function textOf(entries: Entry[], path: string): string {
  using reader = new ContentReader();
  const entry = entries.find((candidate) => candidate.path === path);
  if (entry?.type !== 'file') throw new Error(`no ${path}`);
  return reader.text(entry);
}

test('an archive is read once, and its entries and contents stay the same', async () => {
  const { store, directory } = await emptyOpened();
  const { base, counted } = tinyBase();
  const first = await store.open(base, archive);
  const second = await new OpenedStore(directory).open(base, archive);
  expect(second).toEqual(first);
  expect(counted.reads).toBe(1);
  expect(first.map(({ path }) => path).slice(0, 3)).toEqual(['usr', 'usr/a', 'usr/big']);
  expect(textOf(second, 'usr/a')).toBe('hello');
  expect(textOf(second, 'usr/big')).toBe(big.toString());
  expect(textOf(second, 'usr/empty')).toBe('');
  expect(await readdir(directory.tmp)).toEqual([]);
});

test('a new reader version reads the archive again', async () => {
  const { store } = await emptyOpened();
  const { base, counted } = tinyBase();
  await store.open(base, archive);
  await store.open({ ...base, readerVersion: 'other' }, archive);
  expect(counted.reads).toBe(2);
});

test.each([
  ['a truncated index', (text: string) => text.slice(0, -5)],
  ['an index that is no object', () => 'null'],
  ['an index without entries', () => '{"origin":"a","size":1}'],
  [
    'an entry that points behind the contents',
    (text: string) => text.replace('5,0]', '5,9999999]'),
  ],
  ['an entry of an unknown type', (text: string) => text.replace('["d"', '["x"')],
  ['an attribute that is no text', (text: string) => text.replace('"0100000200200000"', '7')],
  ['a negative owner', (text: string) => text.replace(',42,', ',-42,')],
])('%s is removed with a note, and the archive read again', async (_name, damage) => {
  const { store, notes, index } = await emptyOpened();
  const { base, counted } = tinyBase();
  const entries = await store.open(base, archive);
  const text = await readFile(index, 'utf8');
  expect(damage(text)).not.toBe(text);
  await chmod(index, 0o644);
  await writeFile(index, damage(text));
  await utimes(index, 1, 1);
  expect(await store.open(base, archive)).toEqual(entries);
  expect(counted.reads).toBe(2);
  expect(notes).toEqual([expect.stringContaining('damaged; the package is read again')]);
});

test.each([
  ['was written to', async (path: string) => writeFile(path, big)],
  [
    'is shorter',
    async (path: string) => {
      await writeFile(path, 'x');
      await utimes(path, 1, 1);
    },
  ],
])('contents whose file %s are read from the archive again', async (_name, damage) => {
  const { store, notes, contents } = await emptyOpened();
  const { base, counted } = tinyBase();
  await store.open(base, archive);
  await chmod(contents, 0o644);
  await damage(contents);
  expect(textOf(await store.open(base, archive), 'usr/a')).toBe('hello');
  expect(counted.reads).toBe(2);
  expect(notes).toHaveLength(1);
});

test('a file that is longer or shorter than its entry says is refused, and nothing is kept', async () => {
  for (const [size, what] of [
    [4, 'more'],
    [6, 'only 5'],
  ] as const) {
    const { store, directory } = await emptyOpened();
    const { base } = tinyBase((sink) =>
      sink.file(fileEntry('usr/a', size), chunks(Buffer.from('hello'))),
    );
    await expect(store.open(base, archive)).rejects.toThrow(
      `usr/a has ${what} bytes instead of ${size} (package tiny)`,
    );
    expect(await readdir(directory.tmp)).toEqual([]);
    expect(await readdir(join(directory.opened, nameOpenedFolder(READER)))).toEqual([]);
  }
});

test('an aborted read leaves nothing, even if the base ignores the signal', async () => {
  const { store, directory } = await emptyOpened();
  await expect(store.open(tinyBase().base, archive, AbortSignal.abort())).rejects.toThrow(
    'reading tiny was cancelled',
  );
  expect(await readdir(directory.tmp)).toEqual([]);
  expect(await readdir(join(directory.opened, nameOpenedFolder(READER)))).toEqual([]);
});

test('two simultaneous reads of one archive, as by two processes, both succeed', async () => {
  const { store } = await emptyOpened();
  const { base } = tinyBase();
  const [a, b] = await Promise.all([store.open(base, archive), store.open(base, archive)]);
  expect(a).toEqual(b);
  expect(textOf(await store.open(base, archive), 'usr/a')).toBe('hello');
});

test('an index keeps every entry unchanged', () => {
  const content = { in: 'file', file: '/c', offset: 3 } as const;
  const entries: Entry[] = [{ ...fileEntry('a', 2), content }];
  expect(parseIndex(formatIndex({ size: 5, entries }), '/c')).toEqual({ size: 5, entries });
  expect(() => parseIndex(formatIndex({ size: 4, entries }), '/c')).toThrow(BuildError);
});
