import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Elf, parseElf } from '../../../build/elf/elf.ts';
import { isElf, readHeader } from '../../../build/elf/header.ts';
import { readSection } from '../../../build/elf/sections.ts';
import { makeMemorySource } from '../../../build/elf/source.ts';
import { BuildError } from '../../../build/error.ts';
import { elfFile } from './elf-file.ts';

const parse = (bytes: Uint8Array): Elf => parseElf(makeMemorySource('lib/x', bytes));

const section = (bytes: Uint8Array, name: string, most = 1000) => {
  const source = makeMemorySource('lib/x', bytes);
  return readSection(source, readHeader(source), { name, most })?.toString();
};

const CONTENT = {
  interpreter: '/lib64/ld-linux-x86-64.so.2',
  needed: ['libc.so.6', 'libm.so.6'],
  soname: 'libx.so.1',
  rpath: '/opt/a:$ORIGIN/b',
  runpath: '$ORIGIN/../lib',
  padding: 5000,
};

test.each([
  [64, true],
  [64, false],
  [32, true],
  [32, false],
] as const)('a %i-bit file, little-endian %s, has its libraries', (bits, littleEndian) => {
  expect(parse(elfFile({ ...CONTENT, bits, littleEndian, machine: 183 }))).toEqual({
    bits,
    littleEndian,
    type: 3,
    machine: 183,
    interpreter: '/lib64/ld-linux-x86-64.so.2',
    needed: ['libc.so.6', 'libm.so.6'],
    soname: 'libx.so.1',
    rpath: ['/opt/a', '$ORIGIN/b'],
    runpath: ['$ORIGIN/../lib'],
  });
});

test('names that are longer than a read, or far apart, are found', () => {
  const needed = ['a'.repeat(700), 'b', 'c'.repeat(4000), 'd'];
  expect(parse(elfFile({ needed })).needed).toEqual(needed);
});

test('the running Node needs the C library and has an interpreter', () => {
  const node = parse(readFileSync(process.execPath));
  expect(node.needed).toContain('libc.so.6');
  expect(node.interpreter).toMatch(/^\/lib/);
});

test('only a few small parts of a file are read', () => {
  const bytes = elfFile({ ...CONTENT, padding: 1_000_000 });
  let [calls, total] = [0, 0];
  const elf = parseElf({
    name: 'x',
    size: bytes.length,
    read: (from, into) => {
      calls += 1;
      total += into.length;
      into.set(bytes.subarray(from, from + into.length));
    },
  });
  expect(elf.needed).toHaveLength(2);
  expect(calls).toBeLessThan(7);
  expect(total).toBeLessThan(2000);
});

test('a section is found by its whole name', () => {
  const bytes = elfFile({
    sections: { '.rela.modinfo': 'no', '.modinfox': 'no', '.modinfo': 'yes' },
  });
  expect(section(bytes, '.modinfo')).toBe('yes');
  expect(section(bytes, '.absent')).toBeUndefined();
  expect(() => section(bytes, '.modinfo', 2)).toThrow('section .modinfo is too long');
});

/** Returns the file with the number of `size` bytes at an offset replaced. */
function patched(at: number, value: number, size = 2, bytes = elfFile(CONTENT)): Buffer {
  bytes.writeUIntLE(value, at, size);
  return bytes;
}

const PHDR = 64;
const DYNAMIC = PHDR + 2 * 56;

test.each<[string, Buffer, string]>([
  ['nothing', Buffer.alloc(0), 'does not start'],
  ['only the magic', Buffer.from('\x7fELF'), 'neither 32 nor 64'],
  ['a third class', patched(4, 3, 1), 'neither 32 nor 64'],
  ['a third byte order', patched(5, 3, 1), 'byte order'],
  ['half a header', elfFile().subarray(0, 63), 'cut off'],
  ['65535 program headers', patched(56, 0xffff), 'too many program headers'],
  ['65535 sections', patched(60, 0xffff), 'too many sections'],
  ['program headers of 1 byte', patched(54, 1), 'impossible size'],
  ['section headers of 65535 bytes', patched(58, 0xffff), 'impossible size'],
  [
    'program headers past the end',
    patched(32, 0xffff_ffff, 4),
    'program header table lies outside',
  ],
  ['program headers at 2^63', patched(39, 0x80, 1), 'program header table lies outside'],
  [
    'program headers cut off',
    elfFile(CONTENT).subarray(0, 200),
    'program header table lies outside',
  ],
  ['an interpreter past the end', patched(PHDR + 8, 0xffff_ffff, 4), 'interpreter lies outside'],
  ['an interpreter of 4 GiB', patched(PHDR + 32, 0xffff_ffff, 4), 'interpreter is too long'],
  ['an interpreter without end', patched(PHDR + 32, 5, 4), 'has no end'],
  ['an empty interpreter', patched(PHDR + 32, 0, 4), 'is empty'],
  [
    'a dynamic section past the end',
    patched(DYNAMIC + 8, 0xffff_ffff, 4),
    'dynamic section lies outside',
  ],
  [
    'a dynamic section of 2^60 bytes',
    patched(DYNAMIC + 39, 0x10, 1),
    'dynamic section is too long',
  ],
  ['strings that no segment maps', patched(PHDR + 56 + 16, 0x999, 4), 'outside its strings'],
  ['an endless name', elfFile({ needed: ['x'.repeat(5000)] }), 'has no end'],
])('%s is an error that names the file', (_, bytes, why) => {
  expect(() => parse(bytes)).toThrow(BuildError);
  expect(() => parse(bytes)).toThrow(why);
  expect(() => parse(bytes)).toThrow('(lib/x)');
});

test('section headers outside the file are an error; a file without section headers has no sections', () => {
  expect(() => section(patched(40, 0xffff_ffff, 4), '.modinfo')).toThrow('lies outside');
  expect(section(patched(60, 0), '.modinfo')).toBeUndefined();
  expect(section(patched(62, 0xfff), '.modinfo')).toBeUndefined();
});

test('a program without a dynamic section needs nothing', () => {
  expect(parse(patched(DYNAMIC + 32, 0, 4))).toMatchObject({ needed: [], soname: undefined });
});

test('a file without the ELF magic is not read as ELF', () => {
  expect(isElf(Buffer.from('\x7fELG'))).toBe(false);
  expect(isElf(Buffer.from('\x7fEL'))).toBe(false);
});

/** A generator of numbers below `limit`, the same in every run (xorshift32). */
function seeded(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

test.each([
  ['a program', elfFile({ ...CONTENT, padding: 0, sections: { '.modinfo': 'name=x\0' } })],
  ['a 32-bit big-endian library', elfFile({ needed: ['a'], bits: 32, littleEndian: false })],
  ['the start of a real program', readFileSync(process.execPath).subarray(0, 64 * 1024)],
])('4000 damaged copies of %s give a result or a BuildError, and read little', (_, original) => {
  const random = seeded(20_240_601);
  for (let round = 0; round < 4000; round += 1) {
    const bytes = Buffer.from(
      original.subarray(0, round % 5 === 0 ? random(original.length) : undefined),
    );
    for (let change = random(8); change >= 0 && bytes.length > 0; change -= 1) {
      bytes[random(Math.min(bytes.length, round % 2 === 0 ? 1200 : bytes.length))] =
        random(4) === 0 ? 0xff : random(256);
    }
    try {
      expect(parse(bytes).needed.length).toBeLessThan(5000);
      section(bytes, '.modinfo');
    } catch (error) {
      expect(error).toBeInstanceOf(BuildError);
    }
  }
});
