import { readSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { readHeader } from '../elf/header.ts';
import { PT, readSegments, type Segment } from '../elf/segments.ts';
import { type ElfSource, makeMemorySource, readPart } from '../elf/source.ts';
import { BuildError } from '../error.ts';

/** The byte after this mark shows Node whether programs were added to it: `0` in every distributed Node, else `1`. */
const FUSE = Buffer.from('NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:');

/** Name of the note with the programs, including the final NUL. */
const NAME = Buffer.from('NODE_SEA_BLOB\0');

/** Alignment of names and contents: notes are aligned to 4 or 8 bytes (gABI chapter 5), and 8 suits both. */
const NOTE_ALIGNMENT = 8;

/** Maximum number of bytes of an executable; Node has 120 MB. */
const LARGEST = 2 ** 30;

/** Maximum number of bytes of a Node's existing notes, which are kept; they have a few hundred bytes. */
const LARGEST_NOTE = 1024 * 1024;

/**
 * Maximum number of bytes at the end of the last segment that are zero in memory and, before the change, not in the
 * file.
 */
const MOST_ZEROS = 64 * 1024 * 1024;

/** Bytes of a Node that are searched at once. */
const CHUNK = 1024 * 1024;

/** Differences between a Node with programs and the same Node without programs. */
interface Changes {
  /** Number of bytes at the start of the Node that are kept; later bytes that belong to no part are zero. */
  kept: number;
  /** Bytes and their offsets. */
  parts: { at: number; bytes: Buffer }[];
}

/**
 * Adds programs to a Node, as a note that Node finds in memory
 * (https://nodejs.org/api/single-executable-applications.html). The programs are appended to the last segment, and a
 * note program header is changed to refer to them, so that nothing in the file moves; the notes to which this header
 * referred are copied to the position after the programs. Section headers, which only debuggers read, are removed. The
 * same input gives the same bytes.
 * @param node path of a Node without symbols, 64-bit, little-endian; it is changed
 * @param blob path of the output of `node --experimental-sea-config`
 * @throws BuildError if the file is not such a Node
 */
export async function injectPrograms(node: string, blob: string): Promise<void> {
  const content = await readFile(blob);
  const file = await open(node, 'r+');
  try {
    const { size } = await file.stat();
    const read = (from: number, into: Uint8Array) =>
      void readSync(file.fd, into, { position: from });
    const { kept, parts } = changesOf({ name: node, size, read }, content);
    await file.truncate(kept);
    for (const { at, bytes } of parts) await file.write(bytes, 0, bytes.length, at);
    await file.chmod(0o755);
  } finally {
    await file.close();
  }
}

/**
 * Adds programs to a Node, with files in memory; see `injectPrograms`.
 * @param name name of the Node, for messages
 */
export function withPrograms(program: Buffer, blob: Buffer, name: string): Buffer {
  const { kept, parts } = changesOf(makeMemorySource(name, program), blob);
  const whole = Buffer.alloc(Math.max(...parts.map(({ at, bytes }) => at + bytes.length)));
  program.copy(whole, 0, 0, kept);
  for (const { at, bytes } of parts) bytes.copy(whole, at);
  return whole;
}

function changesOf(source: ElfSource, blob: Buffer): Changes {
  const { name, size } = source;
  const header = readHeader(source);
  if (header.bits !== 64 || !header.littleEndian) throw unfit(name, 'it is not a 64-bit program');
  const segments = readSegments(source, header);
  const last = lastLoaded(segments, name);
  const end = last.offset + last.size;
  const table = header.programs.offset + header.programs.count * header.programs.stride;
  if (Math.max(table, end) > size || table > end) throw unfit(name, 'it is cut off');
  const note = segments.find((one) => one.type === PT.NOTE && one.size > 0);
  if (note === undefined) throw unfit(name, 'it has no note');
  const earlier = readPart(source, note.offset, note.size, { part: 'note', most: LARGEST_NOTE });
  const notes = Buffer.concat([noteOf(blob), earlier]);
  const start = padded(last.offset + last.memory, 16);
  const whole = start + notes.length;
  if (whole > LARGEST) throw unfit(name, 'it is too large');
  const moved = { offset: start, address: last.address + (start - last.offset) };
  const placeOf = (segment: Segment) =>
    header.programs.offset + segments.indexOf(segment) * header.programs.stride;
  return {
    kept: end,
    parts: [
      { at: findFuse(source, end), bytes: Buffer.from('1') },
      { at: placeOf(note) + 8, bytes: placement({ ...moved, size: notes.length }) },
      { at: placeOf(last) + 8, bytes: placement({ ...last, size: whole - last.offset }) },
      ...NO_SECTION_HEADERS,
      { at: start, bytes: notes },
    ],
  };
}

/** Returns the segment with the highest address: there is free space after it, in memory and in the file. */
function lastLoaded(segments: readonly Segment[], name: string): Segment {
  const loaded = segments.filter(({ type }) => type === PT.LOAD);
  const [last] = loaded.toSorted((a, b) => b.address - a.address);
  if (last === undefined) throw unfit(name, 'it has no loadable segment');
  const { offset, address, size, memory } = last;
  const zeros = memory - size;
  if (!Number.isSafeInteger(address + LARGEST) || !(zeros >= 0 && zeros <= MOST_ZEROS)) {
    throw unfit(name, 'its last segment is damaged');
  }
  if (segments.every((one) => one.offset + one.size <= offset + size)) return last;
  throw unfit(name, 'the last segment in memory is not the last one in the file');
}

/** Returns a note (gABI chapter 5): sizes, type, name and content. Node looks only at the name. */
function noteOf(content: Buffer): Buffer {
  const start = 12 + padded(NAME.length, NOTE_ALIGNMENT);
  const note = Buffer.alloc(padded(start + content.length, NOTE_ALIGNMENT));
  note.writeUInt32LE(NAME.length, 0);
  note.writeUInt32LE(content.length, 4);
  NAME.copy(note, 12);
  content.copy(note, start);
  return note;
}

/** Returns the position of the byte after the mark, which is to become `1`. @param end number of bytes to search */
function findFuse(source: ElfSource, end: number): number {
  const places: number[] = [];
  for (let from = 0; from < end; from += CHUNK) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK + FUSE.length, end - from));
    source.read(from, chunk);
    for (let at = chunk.indexOf(FUSE); at >= 0; at = chunk.indexOf(FUSE, at + 1)) {
      // A mark that begins where two chunks overlap is found in the later chunk.
      if (at < CHUNK) places.push(from + at + FUSE.length);
    }
  }
  const [digit, second] = places;
  if (digit === undefined) throw unfit(source.name, 'it was built without them');
  if (second !== undefined) throw unfit(source.name, 'its mark for them is there twice');
  const value = Buffer.alloc(1);
  if (digit < end) source.read(digit, value);
  if (value.toString() !== '0') throw unfit(source.name, 'there are programs in it already');
  return digit;
}

/** Encodes the fields of a 64-bit program header from `p_offset` on: addresses, and sizes in file and memory. */
function placement({
  offset,
  address,
  size,
}: Pick<Segment, 'offset' | 'address' | 'size'>): Buffer {
  const bytes = Buffer.alloc(40);
  for (const [index, value] of [offset, address, address, size, size].entries()) {
    bytes.writeBigUInt64LE(BigInt(value), 8 * index);
  }
  return bytes;
}

/** Values of `e_shoff`, `e_shnum` and `e_shstrndx` in a 64-bit file without section headers. */
const NO_SECTION_HEADERS = [
  { at: 40, bytes: Buffer.alloc(8) },
  { at: 60, bytes: Buffer.alloc(4) },
];

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
