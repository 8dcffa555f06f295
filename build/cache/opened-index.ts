import { BuildError } from '../error.ts';
import type { Entry } from '../tree/entry.ts';

/** Path of the module that defines the format: indexes that another version of it wrote are not read. */
export const FORMAT_MODULE = import.meta.filename;

/*
 * An index is JSON: `origin` of all entries, `size` of the content file in bytes, and one row per entry: letter of its
 * type, path, mode, uid, gid, then the further fields of that type (file: size and offset; links: target; devices:
 * major and minor), then its extended attributes if it has any.
 */
const LETTERS = {
  file: 'f',
  directory: 'd',
  symlink: 'l',
  hardlink: 'h',
  character: 'c',
  block: 'b',
  fifo: 'p',
} as const satisfies Record<Entry['type'], string>;

/** An archive's entries, and the size in bytes of the file with their contents. */
export interface OpenedIndex {
  readonly size: number;
  readonly entries: Entry[];
}

/** Formats an index. All entries must have the same origin, as the entries of one archive do. */
export function formatIndex({ size, entries }: OpenedIndex): string {
  const origin = entries[0]?.origin ?? '';
  const rows = entries.map((entry) => {
    if (entry.origin !== origin) throw new Error(`${entry.origin} among entries of ${origin}`);
    return rowOf(entry);
  });
  return JSON.stringify({ origin, size, entries: rows });
}

type Row = (string | number | Readonly<Record<string, string>>)[];

function rowOf(entry: Entry): Row {
  return entry.attributes === undefined ? plainRow(entry) : [...plainRow(entry), entry.attributes];
}

function plainRow(entry: Entry): Row {
  const row = [LETTERS[entry.type], entry.path, entry.mode, entry.uid, entry.gid];
  switch (entry.type) {
    case 'file':
      if (entry.content.in !== 'file') throw new Error(`content of ${entry.path} is in memory`);
      return [...row, entry.size, entry.content.offset];
    case 'symlink':
    case 'hardlink':
      return [...row, entry.target];
    case 'character':
    case 'block':
      return [...row, entry.major, entry.minor];
    default:
      return row;
  }
}

/**
 * Parses an index. Checks fields without a schema library, which would be slow: a build reads tens of thousands of
 * rows.
 * @param file the content file that file entries refer to
 * @throws BuildError if the text is not an index, or an entry refers to a position outside the content file
 */
export function parseIndex(text: string, file: string): OpenedIndex {
  const index = parseJson(text, file);
  if (typeof index !== 'object' || index === null) throw damaged(file);
  if (!('origin' in index) || typeof index.origin !== 'string') throw damaged(file);
  if (!('size' in index) || !isCount(index.size)) throw damaged(file);
  if (!('entries' in index) || !Array.isArray(index.entries)) throw damaged(file);
  const { origin, size } = index;
  const rows: unknown[] = index.entries;
  return { size, entries: rows.map((row) => entryOf(row, { origin, size, file })) };
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw damaged(file, error);
  }
}

interface Context {
  origin: string;
  size: number;
  file: string;
}

function entryOf(row: unknown, context: Context): Entry {
  if (!Array.isArray(row)) throw damaged(context.file);
  const last: unknown = row.at(-1);
  if (typeof last !== 'object' || last === null) return plainEntry(row, context);
  const attributes = Object.entries(last).map(([name, value]: [string, unknown]) => {
    if (typeof value !== 'string') throw damaged(context.file);
    return [name, value] as const;
  });
  return { ...plainEntry(row.slice(0, -1), context), attributes: Object.fromEntries(attributes) };
}

function plainEntry(row: unknown[], { origin, size: end, file }: Context): Entry {
  const [letter, path, mode, uid, gid, first, second] = row;
  if (typeof path !== 'string' || !isCount(mode) || !isCount(uid) || !isCount(gid)) {
    throw damaged(file);
  }
  const common = { path, mode, uid, gid, origin };
  if (letter === 'f' && isCount(first) && isCount(second) && first + second <= end) {
    const content = { in: 'file', file, offset: second } as const;
    return { type: 'file', ...common, size: first, content };
  }
  if (letter === 'd') return { type: 'directory', ...common };
  if (letter === 'l' && typeof first === 'string') {
    return { type: 'symlink', ...common, target: first };
  }
  if (letter === 'h' && typeof first === 'string') {
    return { type: 'hardlink', ...common, target: first };
  }
  if (letter === 'p') return { type: 'fifo', ...common };
  if ((letter === 'c' || letter === 'b') && isCount(first) && isCount(second)) {
    const type = letter === 'c' ? 'character' : 'block';
    return { type, ...common, major: first, minor: second };
  }
  throw damaged(file);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function damaged(file: string, cause?: unknown): BuildError {
  return new BuildError({ what: 'the index of an opened package is damaged', where: file, cause });
}
