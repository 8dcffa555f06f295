import type { Entry } from '../tree/entry.ts';

/** One entry as a short array: type, path, mode, uid, gid, and what belongs to the type. */
type Row = readonly (string | number)[];

/** The index of an opened package as text. */
export function encodeIndex(entries: readonly Entry[], contentsSize: number): string {
  return JSON.stringify([contentsSize, ...entries.map(encode)]);
}

/**
 * Reads an index.
 * @param contents host path of the file with the package's file contents
 * @returns the entries and the bytes that `contents` must have; `undefined` if the text is not such an index:
 *   it is only a cache and can be made again
 */
export function decodeIndex(
  text: string,
  contents: string,
  origin: string,
): { entries: Entry[]; contentsSize: number } | undefined {
  const index = parse(text);
  if (!Array.isArray(index)) return undefined;
  const [contentsSize, ...rows] = index;
  if (!isCount(contentsSize)) return undefined;
  const entries: Entry[] = [];
  for (const row of rows) {
    const entry = Array.isArray(row) ? decode(row, contents, origin) : undefined;
    if (entry === undefined) return undefined;
    entries.push(entry);
  }
  return { entries, contentsSize };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function encode(entry: Entry): Row {
  const head = [entry.type, entry.path, entry.mode, entry.uid, entry.gid];
  switch (entry.type) {
    case 'file':
      return [...head, entry.size, entry.content.in === 'file' ? entry.content.offset : 0];
    case 'symlink':
    case 'hardlink':
      return [...head, entry.target];
    case 'character':
    case 'block':
      return [...head, entry.major, entry.minor];
    default:
      return head;
  }
}

function decode(row: readonly unknown[], file: string, origin: string): Entry | undefined {
  const [type, path, mode, uid, gid, a, b] = row;
  if (typeof path !== 'string' || !isCount(mode) || !isCount(uid) || !isCount(gid)) {
    return undefined;
  }
  const head = { path, mode, uid, gid, origin };
  if (type === 'directory' || type === 'fifo') return { ...head, type };
  if (type === 'symlink' || type === 'hardlink') {
    return typeof a === 'string' ? { ...head, type, target: a } : undefined;
  }
  if (!isCount(a) || !isCount(b)) return undefined;
  if (type === 'file') return { ...head, type, size: a, content: { in: 'file', file, offset: b } };
  return type === 'character' || type === 'block'
    ? { ...head, type, major: a, minor: b }
    : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
