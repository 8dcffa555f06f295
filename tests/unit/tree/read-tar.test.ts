import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { BuildError } from '../../../build/error.ts';
import { parseTreePath } from '../../../build/tree/path.ts';
import { readTar } from '../../../build/tree/read-tar.ts';
import { Collection, END, header, member, pax, readParts } from './tars.ts';
import { directory, symlink, treeOf } from './trees.ts';

const good = member({ name: './usr/bin/tool', mode: 0o4755, uid: 7 }, 'content');
const longName = `usr/${'ü'.repeat(60)}/${'x'.repeat(200)}`;

/** Returns the message of the error with which an archive of these parts is refused; it must be a `BuildError`. */
async function refusal(...parts: Uint8Array[]): Promise<string> {
  const failure = await readParts(parts).then(
    (taken) => new Error(`taken: ${JSON.stringify(taken.entries)}`),
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(BuildError);
  expect(failure).toHaveProperty('where', 'package test');
  return failure instanceof Error ? failure.message : '';
}

describe('of a valid archive', () => {
  test('every kind of entry is read, with owner and permissions', async () => {
    const { entries, texts } = await readParts([
      member({ name: './', type: '5', mode: 0o755 }),
      member({ name: './usr/', type: '5', mode: 0o2755 }),
      good,
      member({ name: './usr/bin/alias', type: '1', link: './usr/bin/tool' }),
      member({ name: './bin', type: '2', link: 'usr/bin' }),
      member({ name: './dev/sda', type: '4', major: 8, minor: 1 }),
      member({ name: './dev/null', type: '3', major: 1, minor: 3 }),
      member({ name: './run/pipe', type: '6' }),
      member({ name: './old', type: '\0' }, 'old'),
      END,
    ]);
    expect(entries.map(({ type, path }) => `${type} ${path}`)).toEqual([
      'directory usr',
      'file usr/bin/tool',
      'hardlink usr/bin/alias',
      'symlink bin',
      'block dev/sda',
      'character dev/null',
      'fifo run/pipe',
      'file old',
    ]);
    expect(entries[0]).toMatchObject({ mode: 0o2755 });
    expect(entries[1]).toMatchObject({ mode: 0o4755, uid: 7, origin: 'package test' });
    expect(entries[2]).toMatchObject({ target: 'usr/bin/tool' });
    expect(entries[4]).toMatchObject({ major: 8, minor: 1 });
    expect(texts).toEqual({ 'usr/bin/tool': 'content', old: 'old' });
  });

  test.each([
    ['a pax header', pax({ path: longName })],
    ['a GNU header', member({ name: '././@LongLink', type: 'L' }, `${longName}\0`)],
  ])(
    'a long name is read from %s, for any division of the stream into chunks',
    async (_, before) => {
      for (const chunk of [1, 7, 511, 513, 1 << 20]) {
        const { texts } = await readParts(
          [before, member({ name: 'short' }, 'x'), good, END],
          chunk,
        );
        expect(texts).toEqual({ [longName]: 'x', 'usr/bin/tool': 'content' });
      }
    },
  );

  test('a long link target is read from a pax or GNU header', async () => {
    const { entries } = await readParts([
      pax({ linkpath: longName }),
      member({ name: 'a', type: '2', link: 'short' }),
      member({ name: '././@LongLink', type: 'K' }, `${longName}\0`),
      member({ name: 'b', type: '2', link: 'short' }),
      END,
    ]);
    expect(entries).toMatchObject([{ target: longName }, { target: longName }]);
  });

  test('owners in pax and in binary numbers are read', async () => {
    const binary = Buffer.from([0x80, 0, 0, 0, 0, 1, 0, 0]);
    const { entries } = await readParts([
      pax({ uid: '3000000', gid: '5' }),
      member({ name: 'a' }),
      member({ name: 'b', uid: binary }),
      END,
    ]);
    expect(entries).toMatchObject([{ uid: 3_000_000, gid: 5 }, { uid: 65_536 }]);
  });

  test('bytes after the end mark are not read', async () => {
    const { entries } = await readParts([good, END, member({ name: 'late' }, 'x'), END]);
    expect(entries).toHaveLength(1);
    const { texts } = await readParts([good, END, Buffer.alloc(100_000, 0xa5)], 1000);
    expect(Object.keys(texts)).toEqual(['usr/bin/tool']);
  });

  test('an empty archive is read', async () => {
    expect((await readParts([END])).entries).toEqual([]);
  });

  test('content in many chunks is read completely', async () => {
    const content = Buffer.alloc(3_000_001, 'quantix');
    const collection = await readParts([member({ name: 'big' }, content), good, END], 65_536);
    expect(collection.texts.big).toBe(content.toString());
    expect(collection.entries).toHaveLength(2);
  });
});

describe('a damaged or hostile archive', () => {
  test.each([
    ['../etc/passwd', 'leaves the tree'],
    ['usr/../../etc/passwd', 'leaves the tree'],
    ['./..', 'leaves the tree'],
    ['/etc/passwd', 'is absolute'],
    [`${'x'.repeat(256)}`, 'more than 255 bytes'],
    [`${'y/'.repeat(2100)}z`, 'longer than 4095 bytes'],
  ])('is refused for the name %j, plain or long', async (name, why) => {
    expect(await refusal(pax({ path: name }), good, END)).toContain(why);
    expect(await refusal(member({ type: 'L' }, `${name}\0`), good, END)).toContain(why);
    if (name.length < 100) expect(await refusal(member({ name }), END)).toContain(why);
  });

  test.each(['../../etc/shadow', '/etc/shadow'])(
    'is refused for a hard link to %j',
    async (link) => {
      expect(await refusal(good, member({ name: 'x', type: '1', link }), END)).toMatch(
        /leaves the tree|is absolute/,
      );
    },
  );

  test.each([
    ['a hard link to nothing', member({ name: 'x', type: '1' })],
    ['a symbolic link to nothing', member({ name: 'x', type: '2' })],
    ['no name', header({ name: '' })],
    ['a wrong checksum', Buffer.from(good).fill(0x41, 20, 21)],
    ['a sparse file', member({ name: 'x', type: 'S' }, 'abc')],
    ['a type that nobody knows', member({ name: 'x', type: 'Z' }, 'abc')],
    ['one volume of several', member({ name: 'x', type: 'M' }, 'abc')],
    ['a size below zero', member({ size: Buffer.alloc(12, 0xff) }, 'abc')],
    ['a size beyond numbers', header({ size: Buffer.from([0x80, ...Array(11).fill(0xff)]) })],
    ['a size larger than any package', header({ size: '77777777777\0' })],
    ['a size that is no number', member({ size: 'ziemlich\0' }, 'abc')],
    ['a fractional size', Buffer.concat([pax({ size: '1.5' }), member({}, 'ab')])],
    ['an infinite size', Buffer.concat([pax({ size: 'Infinity' }), member({}, 'ab')])],
    ['an owner that is no number', Buffer.concat([pax({ uid: 'root' }), member({})])],
    ['an owner below zero', Buffer.concat([pax({ gid: '-2' }), member({})])],
    ['an owner beyond 32 bits', Buffer.concat([pax({ uid: '4294967296' }), member({})])],
    ['a name that is not UTF-8', header({ name: Buffer.from([0x61, 0xff, 0xfe]) })],
    ['a header that never ends', member({ type: 'x' }, Buffer.alloc(1_200_000, 'x'))],
    [
      'a device without a number, as GNU’s format hides it',
      member({ type: '3', magic: 'ustar  ' }),
    ],
  ])('is refused for %s', async (_, part) => {
    expect(await refusal(good, part, good, END)).not.toBe('');
  });

  test('cannot leave the tree by a link that it uses as a folder', async () => {
    const tree = treeOf(directory('etc'), symlink('out', '../../..'), symlink('abs', '/etc'));
    const { entries } = await readParts([
      member({ name: 'out/etc/passwd' }, 'x'),
      member({ name: 'abs/shadow' }, 'y'),
      END,
    ]);
    for (const entry of entries) tree.add(entry);
    expect(tree.entries().map(({ path }) => path)).toEqual([
      'abs',
      'etc',
      'etc/passwd',
      'etc/shadow',
      'out',
    ]);
  });

  test.each([0, 1, 511, 512, 513, 1023, 1024, 1535])(
    'is refused when it ends at byte %i',
    async (length) => {
      expect(await refusal(Buffer.concat([good, END]).subarray(0, length))).toContain('damaged');
    },
  );

  test.each(['SCHILY.xattr.security.capability', 'LIBARCHIVE.xattr.user.a'])(
    'is refused when a file in it has the attribute %s, which dpkg would not set',
    async (name) => {
      const told = await refusal(Buffer.concat([pax({ [name]: 'x' }), good, END]));
      expect(told).toContain(`it has extended attributes (${name})`);
    },
  );

  test('is refused when it is not a tar', async () => {
    expect(await refusal(Buffer.alloc(4096, 'no tar'))).toContain('archive is damaged');
    expect(await refusal(Buffer.alloc(3, '!'))).toContain('archive is damaged');
  });

  test.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ])('is refused when it is compressed with %s, whole or cut', async (_, compress) => {
    const packed = compress(Buffer.concat([good, END]));
    expect(await refusal(packed)).toContain('archive is damaged');
    expect(await refusal(packed.subarray(0, packed.length - 9))).toContain('archive is damaged');
  });

  test('is refused when the stream fails, with the stream’s error', async () => {
    async function* broken() {
      yield good;
      throw new Error('the pipe broke');
    }
    await expect(readTar(broken(), new Collection(), 'x')).rejects.toThrow('the pipe broke');
  });

  test('is refused when the receiver of its entries throws, and reading stops', async () => {
    let read = 0;
    async function* endless() {
      const file = member({ name: 'big' }, Buffer.alloc(1_000_000));
      for (read = 0; read < 1000; read += 1) yield file;
    }
    const full = new Collection();
    full.file = async () => {
      throw new Error('disk full');
    };
    await expect(readTar(endless(), full, 'x')).rejects.toThrow('disk full');
    expect(read).toBeLessThan(10);
  });

  test.each([
    ['zeros', Buffer.alloc(1 << 20)],
    ['anything', Buffer.alloc(1 << 20, 0xa5)],
  ])('is refused when endless %s follow its end mark', async (_, more) => {
    async function* endless() {
      yield Buffer.concat([good, END]);
      for (;;) yield more;
    }
    await expect(readTar(endless(), new Collection(), 'x')).rejects.toThrow('larger than any');
  });
});

test('refused names are shown shortened', () => {
  expect(() => parseTreePath(`../${'a'.repeat(5000)}`, 'x')).toThrow(
    /^name "\.\.\/a{117}…" leaves/,
  );
});
