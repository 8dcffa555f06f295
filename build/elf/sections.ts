import type { ElfHeader } from './header.ts';
import { type ElfSource, readPart } from './source.ts';

/** `SHT_NOBITS`: a section without bytes in the file. */
const NOBITS = 8;
/** Largest table of section names that is accepted, in bytes. */
const LONGEST_NAMES = 4 * 1024 * 1024;

/**
 * Reads a section by its name (gABI chapter 4, "Sections").
 * @param name `.modinfo`
 * @param most size limit in bytes
 * @returns its bytes, or `undefined` if there is no such section
 * @throws BuildError if the section headers are damaged, or the section is larger than `most`
 */
export function readSection(
  source: ElfSource,
  { bits, sections, names: namesIndex, numbers }: ElfHeader,
  { name, most }: { name: string; most: number },
): Buffer | undefined {
  const { offset, count, stride } = sections;
  if (namesIndex >= count) return undefined;
  const length = count * stride;
  const table = readPart(source, offset, length, { part: 'section header table', most: length });
  const word = bits / 8;
  const place = (index: number): [from: number, size: number] => {
    const at = index * stride + 8 + 2 * word;
    return [numbers.word(table, at), numbers.word(table, at + word)];
  };
  const names = readPart(source, ...place(namesIndex), {
    part: 'table of section names',
    most: LONGEST_NAMES,
  });
  const wanted = Buffer.from(`${name}\0`, 'latin1');
  for (let index = 1; index < count; index += 1) {
    if (!startsAt(names, numbers.u32(table, index * stride), wanted)) continue;
    if (numbers.u32(table, index * stride + 4) === NOBITS) return undefined;
    return readPart(source, ...place(index), { part: `section ${name}`, most });
  }
  return undefined;
}

function startsAt(bytes: Buffer, at: number, wanted: Buffer): boolean {
  for (let index = 0; index < wanted.length; index += 1) {
    if (bytes[at + index] !== wanted[index]) return false;
  }
  return true;
}
