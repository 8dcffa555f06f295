import type { ElfHeader } from './header.ts';
import { type ElfSource, readPart } from './source.ts';

/** Segment types (gABI, `p_type`). */
export const PT = { LOAD: 1, DYNAMIC: 2, INTERP: 3, NOTE: 4 } as const;

/** The fields of a program header that are needed here. */
export interface Segment {
  type: number;
  offset: number;
  address: number;
  /** Size in the file in bytes. */
  size: number;
  /** Size in memory in bytes; bytes beyond the size in the file are zero. */
  memory: number;
}

/**
 * Reads the program header table (gABI chapter 5).
 * @throws BuildError if it is outside the file
 */
export function readSegments(source: ElfSource, { bits, programs, numbers }: ElfHeader): Segment[] {
  const { offset, count, stride } = programs;
  if (count === 0) return [];
  const size = count * stride;
  const table = readPart(source, offset, size, { part: 'program header table', most: size });
  const word = bits / 8;
  const segments: Segment[] = [];
  for (let at = 0; at < size; at += stride) {
    segments.push({
      type: numbers.u32(table, at),
      offset: numbers.word(table, at + word),
      address: numbers.word(table, at + 2 * word),
      size: numbers.word(table, at + 4 * word),
      memory: numbers.word(table, at + 5 * word),
    });
  }
  return segments;
}
