import { readFile, writeFile } from 'node:fs/promises';
import { readHeader } from '../elf/header.ts';
import { PT, readSegments, type Segment } from '../elf/segments.ts';
import { memorySource } from '../elf/source.ts';
import { BuildError } from '../error.ts';

/** By the digit after the colon Node knows whether there are programs in it; it is `0` in every Node. */
const FUSE = Buffer.from('NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:');

/** Name of the note with the programs, with the zero at its end. */
const NAME = Buffer.from('NODE_SEA_BLOB\0');

/** Padding of names and contents: notes are aligned to 4 or 8 bytes (gABI chapter 5), and this fits both. */
const NOTE_ALIGNMENT = 8;

/** Largest executable that is made, bytes; Node has 120 MB, and its data 1 MB that are not in the file. */
const LARGEST = 2 ** 30;
/** Most bytes of memory that are made bytes of the file. */
const MOST_ZEROS = 64 * 1024 * 1024;

/**
 * Puts programs into a Node, as a note that Node finds in memory
 * (https://nodejs.org/api/single-executable-applications.html). They become the end of its last segment, and one of its
 * program headers of notes names that place, so that nothing of the file moves; notes that were there follow.
 * Section headers, which only debuggers read, are left out. The same input gives the same bytes.
 * @param node path of a Node without symbols: 64 bits wide, little-endian
 * @param blob path of what `node --experimental-sea-config` has made
 * @param output path of the result
 * @throws BuildError if the file is not such a Node
 */
export async function injectPrograms(node: string, blob: string, output: string): Promise<void> {
  const [program, content] = await Promise.all([readFile(node), readFile(blob)]);
  await writeFile(output, withPrograms(program, content, node), { mode: 0o755 });
}

/**
 * See `injectPrograms`, for files in memory.
 * @param name of the Node, for messages
 */
export function withPrograms(program: Buffer, blob: Buffer, name: string): Buffer {
  const source = memorySource(name, program);
  const header = readHeader(source);
  if (header.bits !== 64 || !header.littleEndian) throw unfit(name, 'it is no 64-bit program');
  const segments = readSegments(source, header);
  const last = lastLoaded(segments, name);
  const end = last.offset + last.size;
  const table = header.programs.offset + header.programs.count * header.programs.stride;
  if (Math.max(table, end) > program.length || table > end) throw unfit(name, 'it is cut off');
  const note = segments.find(({ type, size }) => type === PT.NOTE && size > 0);
  if (note === undefined) throw unfit(name, 'it has no note');
  const earlier = program.subarray(note.offset, note.offset + note.size);
  const notes = Buffer.concat([noteOf(blob), earlier]);
  const start = padded(last.offset + last.memory, 16);
  if (start + notes.length > LARGEST) throw unfit(name, 'it is too large');
  const whole = Buffer.alloc(start + notes.length);
  program.copy(whole, 0, 0, end);
  blowFuse(whole.subarray(0, end), name);
  notes.copy(whole, start);
  const moved = { offset: start, address: last.address + (start - last.offset) };
  const grown = whole.length - last.offset;
  for (const [at, segment] of segments.entries()) {
    const place = header.programs.offset + at * header.programs.stride;
    if (segment === note) writeSegment(whole, place, { ...moved, size: notes.length });
    if (segment === last) writeSegment(whole, place, { ...last, size: grown });
  }
  dropSectionHeaders(whole);
  return whole;
}

/** The segment with the highest address: behind it there is room in memory, and in the file. */
function lastLoaded(segments: readonly Segment[], name: string): Segment {
  const loaded = segments.filter(({ type }) => type === PT.LOAD);
  const [last] = loaded.toSorted((a, b) => b.address - a.address);
  if (last === undefined) throw unfit(name, 'nothing of it is loaded');
  const { offset, address, size, memory } = last;
  const zeros = memory - size;
  if (!Number.isSafeInteger(address + LARGEST) || !(zeros >= 0 && zeros <= MOST_ZEROS)) {
    throw unfit(name, 'its last segment is damaged');
  }
  if (segments.every((one) => one.offset + one.size <= offset + size)) return last;
  throw unfit(name, 'the last segment in memory is not the last one in the file');
}

/** A note (gABI chapter 5): sizes, type, name and content. Node asks for the name only. */
function noteOf(content: Buffer): Buffer {
  const start = 12 + padded(NAME.length, NOTE_ALIGNMENT);
  const note = Buffer.alloc(padded(start + content.length, NOTE_ALIGNMENT));
  note.writeUInt32LE(NAME.length, 0);
  note.writeUInt32LE(content.length, 4);
  NAME.copy(note, 12);
  content.copy(note, start);
  return note;
}

function blowFuse(program: Buffer, name: string): void {
  const at = program.indexOf(FUSE);
  if (at < 0) throw unfit(name, 'it was built without them');
  const digit = at + FUSE.length;
  if (program.includes(FUSE, digit)) throw unfit(name, 'its mark for them is there twice');
  if (program[digit] !== 0x30) throw unfit(name, 'there are programs in it already');
  program[digit] = 0x31;
}

/** Changes place and size of a program header of a 64-bit file: `p_offset`, addresses, sizes in file and memory. */
function writeSegment(
  program: Buffer,
  at: number,
  { offset, address, size }: Pick<Segment, 'offset' | 'address' | 'size'>,
): void {
  for (const [index, value] of [offset, address, address, size, size].entries()) {
    program.writeBigUInt64LE(BigInt(value), at + 8 + 8 * index);
  }
}

/** `e_shoff`, `e_shnum` and `e_shstrndx` of a 64-bit file: what they would name is no longer in it. */
function dropSectionHeaders(program: Buffer): void {
  program.writeBigUInt64LE(0n, 40);
  program.writeUInt32LE(0, 60);
}

function padded(size: number, alignment: number): number {
  return Math.ceil(size / alignment) * alignment;
}

function unfit(name: string, why: string): BuildError {
  return new BuildError({
    what: `programs cannot be put into this Node: ${why}`,
    where: name,
    fix: 'Name a Node for Linux that was built with support for single executable applications.',
  });
}
