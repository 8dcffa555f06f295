import { type DynamicSection, readDynamic } from './dynamic.ts';
import { readHeader } from './header.ts';
import { PT, readSegments, type Segment } from './segments.ts';
import { damaged, type ElfSource, readPart } from './source.ts';

/** Longest path of an interpreter in the kernel (`PATH_MAX`), in bytes. */
const LONGEST_INTERPRETER = 4096;

/** The parts of an ELF file that the kernel and the dynamic loader use. */
export interface Elf extends DynamicSection {
  bits: 32 | 64;
  littleEndian: boolean;
  /** `e_type`: 1 relocatable, 2 executable, 3 shared object (or position-independent executable). */
  type: number;
  /** `e_machine`: 3 i386, 62 x86-64, 183 AArch64. */
  machine: number;
  /** `PT_INTERP`: absolute path of the dynamic loader; absent from libraries and static programs. */
  interpreter: string | undefined;
}

/**
 * Parses the headers, the interpreter and the dynamic section of an ELF file (gABI; elf(5)). Reads only a few hundred
 * bytes.
 * @throws BuildError if the file is not ELF, or is damaged in a part that is read
 */
export function parseElf(source: ElfSource): Elf {
  const header = readHeader(source);
  const segments = readSegments(source, header);
  const interpreter = segments.find(({ type }) => type === PT.INTERP);
  const dynamic = segments.find(({ type, size }) => type === PT.DYNAMIC && size > 0);
  return {
    bits: header.bits,
    littleEndian: header.littleEndian,
    type: header.type,
    machine: header.machine,
    interpreter: interpreter && readInterpreter(source, interpreter),
    ...readDynamic(source, header, {
      dynamic,
      loads: segments.filter(({ type }) => type === PT.LOAD),
    }),
  };
}

function readInterpreter(source: ElfSource, { offset, size }: Segment): string {
  const limit = { part: 'interpreter', most: LONGEST_INTERPRETER };
  const bytes = readPart(source, offset, size, limit);
  const end = bytes.indexOf(0);
  if (end < 1) throw damaged(source, 'its interpreter has no end, or is empty');
  return bytes.toString('utf8', 0, end);
}
