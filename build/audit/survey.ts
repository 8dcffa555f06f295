import { type Elf, parseElf } from '../elf/elf.ts';
import { isElf } from '../elf/header.ts';
import type { ElfSource } from '../elf/source.ts';
import { BuildError } from '../error.ts';
import type { Entry, FileEntry, SymlinkEntry } from '../tree/entry.ts';
import type { Tree } from '../tree/tree.ts';

/** Number of bytes read from the start of every file, as many as the kernel reads of a script (`BINPRM_BUF_SIZE`). */
export const SNIFFED = 256;

/** A file that begins with `#!`. */
export interface Script {
  file: FileEntry;
  /** The text after `#!` in its first 256 bytes, up to the line feed; it may include a carriage return. */
  line: string;
}

/** A symbolic link, and the canonical path of its target; `undefined` if the target does not exist. */
export interface Link {
  entry: SymlinkEntry;
  canonical: string | undefined;
}

/** Results of one pass over all files of a tree; the rules of an audit use them. */
export interface Survey {
  tree: Tree;
  entries: readonly Entry[];
  links: readonly Link[];
  /** Scripts by path. */
  scripts: ReadonlyMap<string, Script>;
  /** Programs and libraries, by path. */
  elf: ReadonlyMap<string, Elf>;
  /** Path → what is wrong with an ELF file that cannot be read. */
  damaged: ReadonlyMap<string, string>;
}

/**
 * Paths of files that are not read: firmware is not for the machine's CPU, modules are read for the module index, and
 * debug files are never loaded.
 */
const NOT_SNIFFED = /^(usr\/)?lib\/(firmware|modules|debug)\//;

/** Reads the first bytes of every file of a tree, once. */
export function surveyTree(tree: Tree): Survey {
  const entries = tree.entries();
  const scripts = new Map<string, Script>();
  const elf = new Map<string, Elf>();
  const damaged = new Map<string, string>();
  const links: Link[] = [];
  const head = Buffer.alloc(SNIFFED);
  for (const entry of entries) {
    if (entry.type === 'symlink') links.push({ entry, canonical: tree.canonical(entry.path) });
    if (entry.type !== 'file' || entry.size < 4 || NOT_SNIFFED.test(entry.path)) continue;
    const start = head.subarray(0, Math.min(SNIFFED, entry.size));
    tree.read(entry, 0, start);
    if (start[0] === 0x23 && start[1] === 0x21) {
      scripts.set(entry.path, { file: entry, line: firstLine(start) });
    } else if (isElf(start)) {
      const parsed = parsedOrWhy(headSource(tree, entry, start));
      if (typeof parsed === 'string') damaged.set(entry.path, parsed);
      else elf.set(entry.path, parsed);
    }
  }
  return { tree, entries, links, scripts, elf, damaged };
}

function firstLine(start: Buffer): string {
  const end = start.indexOf(0x0a);
  return start.toString('utf8', 2, end < 0 ? start.length : end);
}

function parsedOrWhy(source: ElfSource): Elf | string {
  try {
    return parseElf(source);
  } catch (error) {
    if (error instanceof BuildError) return error.what;
    throw error;
  }
}

/**
 * Returns an ELF source that reads a file from `head`, its first bytes, and otherwise from the tree. It is valid only
 * until the next file is read into the same buffer.
 */
function headSource(tree: Tree, file: FileEntry, head: Buffer): ElfSource {
  return {
    name: file.path,
    size: file.size,
    read: (from, into) => {
      if (from + into.length <= head.length) into.set(head.subarray(from, from + into.length));
      else tree.read(file, from, into);
    },
  };
}
