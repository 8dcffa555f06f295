import type { ElfHeader } from './header.ts';
import type { Segment } from './segments.ts';
import { damaged, type ElfSource, readPart } from './source.ts';

/** Tags of the dynamic section (gABI, `d_tag`). */
const DT = {
  NULL: 0,
  NEEDED: 1,
  STRTAB: 5,
  STRSZ: 10,
  SONAME: 14,
  RPATH: 15,
  RUNPATH: 29,
} as const;

/** Largest dynamic section that is accepted, in bytes; QEMU's, a large one, has 1 KiB. */
const LONGEST_DYNAMIC = 64 * 1024;
/** Longest name or search path, in bytes. */
const LONGEST_STRING = 4096;
/** Bytes read at once around a string: the names of one file are often adjacent. */
const WINDOW = 512;

/** What the dynamic section says about libraries. */
export interface DynamicSection {
  /** Required libraries, by soname or, if it contains a slash, by path. */
  needed: string[];
  soname: string | undefined;
  /** Search paths of `DT_RPATH` and `DT_RUNPATH`, unchanged. */
  rpath: string[];
  runpath: string[];
}

/** Offsets in the string table, and the table's address in memory. */
interface Tags {
  strings: number;
  stringsSize: number;
  needed: number[];
  soname: number | undefined;
  rpath: number | undefined;
  runpath: number | undefined;
}

/**
 * Reads the dynamic section through the segments, as the loader does, because files may have no section headers.
 * @throws BuildError if it refers to positions outside the file
 */
export function readDynamic(
  source: ElfSource,
  header: ElfHeader,
  { dynamic, loads }: { dynamic: Segment | undefined; loads: Segment[] },
): DynamicSection {
  if (dynamic === undefined) return { needed: [], soname: undefined, rpath: [], runpath: [] };
  const limit = { part: 'dynamic section', most: LONGEST_DYNAMIC };
  const tags = readTags(readPart(source, dynamic.offset, dynamic.size, limit), header);
  const text = stringReader(source, tags, loads);
  const paths = (at: number | undefined): string[] =>
    at === undefined
      ? []
      : text(at)
          .split(':')
          .filter((path) => path !== '');
  return {
    needed: tags.needed.map(text),
    soname: tags.soname === undefined ? undefined : text(tags.soname),
    rpath: paths(tags.rpath),
    runpath: paths(tags.runpath),
  };
}

function readTags(section: Buffer, { bits, numbers }: ElfHeader): Tags {
  const word = bits / 8;
  const tags: Tags = {
    strings: Number.POSITIVE_INFINITY,
    stringsSize: 0,
    needed: [],
    soname: undefined,
    rpath: undefined,
    runpath: undefined,
  };
  for (let at = 0; at + 2 * word <= section.length; at += 2 * word) {
    const tag = numbers.word(section, at);
    const value = numbers.word(section, at + word);
    if (tag === DT.NULL) break;
    if (tag === DT.NEEDED) tags.needed.push(value);
    else if (tag === DT.STRTAB) tags.strings = value;
    else if (tag === DT.STRSZ) tags.stringsSize = value;
    else if (tag === DT.SONAME) tags.soname = value;
    else if (tag === DT.RPATH) tags.rpath = value;
    else if (tag === DT.RUNPATH) tags.runpath = value;
  }
  return tags;
}

/** Returns a function that maps an offset in the string table to the string there. It reads the file in blocks. */
function stringReader(source: ElfSource, tags: Tags, loads: Segment[]): (at: number) => string {
  const load = loads.find(
    ({ address, size }) => tags.strings >= address && tags.strings < address + size,
  );
  const start = load === undefined ? source.size : tags.strings - load.address + load.offset;
  const end = Math.min(start + tags.stringsSize, source.size);
  let window: Buffer = Buffer.alloc(0);
  let windowStart = 0;
  return (at) => {
    const from = start + at;
    if (from >= end)
      throw damaged(source, 'a name of its dynamic section lies outside its strings');
    const inWindow = from >= windowStart ? window.indexOf(0, from - windowStart) : -1;
    if (inWindow >= 0) return window.toString('utf8', from - windowStart, inWindow);
    for (const length of [WINDOW, LONGEST_STRING]) {
      windowStart = from;
      window = readPart(source, from, Math.min(length, end - from), { part: 'name', most: length });
      const stop = window.indexOf(0);
      if (stop >= 0) return window.toString('utf8', 0, stop);
    }
    throw damaged(source, 'a name of its dynamic section has no end');
  };
}
