import { damaged, type ElfSource, readPart } from './source.ts';

/** Size of the longer (64-bit) ELF header in bytes. */
const HEADER = 64;
/** Maximum number of entries of a program header table that are accepted; linkers write about a dozen. */
const MOST_PROGRAMS = 1024;
/**
 * Section counts from this value (`SHN_LORESERVE`) on are stored elsewhere; no file of an image has so many sections.
 */
const MOST_SECTIONS = 0xff00;

/** Names of the types used here (gABI, `e_type`). */
export const ET = { REL: 1, EXEC: 2, DYN: 3 } as const;

/** Reads numbers in the file's byte order and word size. Positions are not checked. */
export interface Numbers {
  u16(bytes: Buffer, at: number): number;
  u32(bytes: Buffer, at: number): number;
  /** Reads an address, offset or size; values above 2^53 become infinite and are thus outside every file. */
  word(bytes: Buffer, at: number): number;
}

/** A table in the file. */
export interface Table {
  offset: number;
  /** Number of entries. */
  count: number;
  /** Size of an entry in bytes. */
  stride: number;
}

/** The ELF header (gABI chapter 4; elf(5)). */
export interface ElfHeader {
  bits: 32 | 64;
  littleEndian: boolean;
  /** `e_type`: 1 relocatable, 2 executable, 3 shared object. */
  type: number;
  /** `e_machine`: 3 i386, 62 x86-64, 183 AArch64. */
  machine: number;
  programs: Table;
  sections: Table;
  /** Index of the section with the sections' names. */
  names: number;
  numbers: Numbers;
}

/** Whether a file that begins with these bytes is an ELF file. */
export function isElf(start: Uint8Array): boolean {
  return start[0] === 0x7f && start[1] === 0x45 && start[2] === 0x4c && start[3] === 0x46;
}

/**
 * Reads the ELF header.
 * @throws BuildError if the file is not ELF or its header is damaged
 */
export function readHeader(source: ElfSource): ElfHeader {
  const bytes = readPart(source, 0, Math.min(HEADER, source.size), {
    part: 'header',
    most: HEADER,
  });
  if (!isElf(bytes)) throw damaged(source, 'it does not start with the ELF magic number');
  const [wide, little] = [bytes[4] === 2, bytes[5] === 1];
  if (!wide && bytes[4] !== 1) throw damaged(source, 'it is neither 32 nor 64 bits wide');
  if (!little && bytes[5] !== 2) throw damaged(source, 'its byte order is unknown');
  const tail = wide ? 54 : 42;
  if (bytes.length < tail + 10) throw damaged(source, 'its header is cut off');
  const numbers = numbersOf(wide, little);
  const header: ElfHeader = {
    bits: wide ? 64 : 32,
    littleEndian: little,
    type: numbers.u16(bytes, 16),
    machine: numbers.u16(bytes, 18),
    programs: {
      offset: numbers.word(bytes, wide ? 32 : 28),
      stride: numbers.u16(bytes, tail),
      count: numbers.u16(bytes, tail + 2),
    },
    sections: {
      offset: numbers.word(bytes, wide ? 40 : 32),
      stride: numbers.u16(bytes, tail + 4),
      count: numbers.u16(bytes, tail + 6),
    },
    names: numbers.u16(bytes, tail + 8),
    numbers,
  };
  checkTables(source, header);
  return header;
}

function checkTables(source: ElfSource, { bits, programs, sections }: ElfHeader): void {
  if (programs.count > MOST_PROGRAMS) throw damaged(source, 'it claims too many program headers');
  if (sections.count >= MOST_SECTIONS) throw damaged(source, 'it claims too many sections');
  if (programs.count > 0 && programs.stride !== (bits === 64 ? 56 : 32)) {
    throw damaged(source, 'its program headers have an impossible size');
  }
  if (sections.count > 0 && sections.stride !== (bits === 64 ? 64 : 40)) {
    throw damaged(source, 'its section headers have an impossible size');
  }
}

function numbersOf(wide: boolean, little: boolean): Numbers {
  const u16 = (bytes: Buffer, at: number): number =>
    little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
  const u32 = (bytes: Buffer, at: number): number =>
    little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  const long = (bytes: Buffer, at: number): number => {
    const [high, low] = little
      ? [bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at)]
      : [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)];
    return high > 0x1f_ffff ? Number.POSITIVE_INFINITY : high * 2 ** 32 + low;
  };
  return { u16, u32, word: wide ? long : u32 };
}
