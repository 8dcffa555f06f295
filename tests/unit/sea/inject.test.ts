import { expect, test } from 'vitest';
import { parseElf } from '../../../build/elf/elf.ts';
import { readHeader } from '../../../build/elf/header.ts';
import { PT, readSegments, type Segment } from '../../../build/elf/segments.ts';
import { makeMemorySource } from '../../../build/elf/source.ts';
import { must } from '../../../build/error.ts';
import { withPrograms } from '../../../build/sea/inject.ts';
import { elfFile } from '../elf/elf-file.ts';
import { FUSE, smallNode } from './small-node.ts';

const BLOB = Buffer.from('the programs');
const node = smallNode();
const made = withPrograms(node, BLOB, 'node');

function segmentOf(bytes: Buffer, type: number): Segment {
  const source = makeMemorySource('node', bytes);
  const segments = readSegments(source, readHeader(source));
  return must(
    segments.find((one) => one.type === type),
    'segment',
  );
}

test('programs are an ELF note, followed by the previous notes', () => {
  const { offset, size } = segmentOf(made, PT.NOTE);
  const content = made.subarray(offset, offset + size);
  expect(content.readUInt32LE(0)).toBe('NODE_SEA_BLOB\0'.length);
  expect(content.readUInt32LE(4)).toBe(BLOB.length);
  expect(content.toString('latin1', 12, 26)).toBe('NODE_SEA_BLOB\0');
  expect(content.subarray(28, 28 + BLOB.length)).toEqual(BLOB);
  expect(content.includes('an earlier note')).toBe(true);
});

test('the note is loaded after the last segment and its zeroed memory', () => {
  const [before, load, note] = [
    segmentOf(node, PT.LOAD),
    segmentOf(made, PT.LOAD),
    segmentOf(made, PT.NOTE),
  ];
  expect(load).toMatchObject({ size: load.memory, offset: before.offset, address: before.address });
  expect(load.offset + load.size).toBe(made.length);
  expect(note.address - load.address).toBe(note.offset - load.offset);
  const zeros = made.subarray(before.offset + before.size, note.offset);
  expect(zeros.length).toBeGreaterThanOrEqual(before.memory - before.size);
  expect(zeros.every((byte) => byte === 0)).toBe(true);
});

test('everything else is unchanged, except the fuse that Node reads', () => {
  const parsed = (bytes: Buffer) => parseElf(makeMemorySource('node', bytes));
  expect(parsed(made)).toEqual(parsed(node));
  expect(made.includes(`${FUSE}1`)).toBe(true);
});

test('the fuse is found anywhere in the file, and a second one too', () => {
  // Files are read a mebibyte at a time.
  const before = smallNode({ data: FUSE }).indexOf(FUSE);
  for (let shift = -60; shift <= 12; shift += 4) {
    const filler = 'x'.repeat(2 ** 20 - before + shift);
    const far = withPrograms(smallNode({ data: `${filler}${FUSE}0` }), BLOB, 'node');
    expect(far.includes(`${FUSE}1`)).toBe(true);
    const twice = smallNode({ data: `${FUSE}0${filler}${FUSE}0` });
    expect(() => withPrograms(twice, BLOB, 'node')).toThrow(/its mark for them is there twice/);
  }
});

test('the same programs give the same file', () => {
  expect(withPrograms(node, BLOB, 'node').equals(made)).toBe(true);
});

test.each<[string, Buffer, RegExp]>([
  ['of 32 bits', elfFile({ bits: 32 }), /it is not a 64-bit program/],
  ['without a note', elfFile(), /it has no note/],
  ['built without support', smallNode({ data: '' }), /it was built without them/],
  ['that has programs', made, /there are programs in it already/],
  ['with two marks', smallNode({ data: `${FUSE}0 ${FUSE}0` }), /its mark for them is there twice/],
  ['that is cut off', node.subarray(0, 400), /it is cut off/],
  ['with memory without end', smallNode({ zeros: 2 ** 40 }), /its last segment is damaged/],
  [
    'that is no ELF file',
    Buffer.from('#!/bin/sh\n'.repeat(20)),
    /it does not start with the ELF magic number/,
  ],
])('a Node %s is refused', (_, bytes, message) => {
  expect(() => withPrograms(bytes, BLOB, 'node')).toThrow(message);
});
