import { type Dirent, readdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BuildError } from '../error.ts';
import { errorCode } from '../process/errno.ts';
import { USE_GRAIN } from '../process/seal.ts';
import type { CacheDirectory } from './directory.ts';

/** Folders of the cache that grow with use and whose contents can be made again. */
export const GROWING_ROOMS = ['blobs', 'opened', 'steps', 'resolved'] as const;

export type GrowingRoom = (typeof GROWING_ROOMS)[number];

/** An item of the cache; it exists completely or not at all. */
export interface CacheItem {
  room: GrowingRoom;
  /** A file, or a folder with everything in it. */
  path: string;
  bytes: number;
  /** When a build last used it, with a resolution of an hour; milliseconds since 1970. */
  usedAt: number;
}

const UNITS: Readonly<Record<string, number>> = { MB: 1e6, GB: 1e9, TB: 1e12 };

/**
 * Returns the size limit of the cache: `$QUANTIX_CACHE_SIZE`, by default 20 GB.
 * @returns bytes
 * @throws BuildError if it is not a number with a unit
 */
export function cacheLimit(
  env: Readonly<Record<string, string | undefined>> = process.env,
): number {
  const text = env.QUANTIX_CACHE_SIZE;
  return text === undefined || text === '' ? 20e9 : parseSize(text, 'QUANTIX_CACHE_SIZE');
}

/**
 * Parses a size such as `500MB`, `20 GB` or `1.5TB`, in powers of 1000.
 * @param where option or variable, for the message
 * @throws BuildError if it is malformed
 */
export function parseSize(text: string, where: string): number {
  const [, number, unit] = /^(\d{1,6}(?:\.\d{1,3})?) ?(MB|GB|TB)$/.exec(text) ?? [];
  const factor = UNITS[unit ?? ''];
  if (number !== undefined && factor !== undefined) return Math.round(Number(number) * factor);
  throw new BuildError({
    what: `${JSON.stringify(text)} is not a size`,
    where,
    fix: 'Write a number with a unit: 500MB, 20GB, 1.5TB.',
  });
}

/** Lists everything in the folders that grow. */
export function listItems(cache: CacheDirectory): CacheItem[] {
  const files = GROWING_ROOMS.filter((room) => room !== 'steps').flatMap((room) =>
    filesBelow(cache[room]).map((path) => ({ room, path, ...measure([path]) })),
  );
  const steps = foldersIn(cache.steps).flatMap((step) =>
    foldersIn(step)
      .filter((folder) => !folder.includes('/.'))
      .map((path) => ({ room: 'steps' as const, path, ...measure(filesBelow(path)) })),
  );
  return [...files, ...steps];
}

/**
 * Removes the least recently used items until the rest is within the limit.
 * @param limit bytes that may remain
 * @param since milliseconds since 1970; items used later stay, because a build may be using them
 * @returns the removed items
 */
export async function pruneCache(
  cache: CacheDirectory,
  { limit, since }: { limit: number; since: number },
): Promise<CacheItem[]> {
  const items = listItems(cache).sort((a, b) => a.usedAt - b.usedAt);
  let bytes = items.reduce((sum, item) => sum + item.bytes, 0);
  const removed: CacheItem[] = [];
  for (const item of items) {
    if (bytes <= limit || item.usedAt >= since - USE_GRAIN) break;
    await rm(item.path, { recursive: true, force: true });
    bytes -= item.bytes;
    removed.push(item);
  }
  return removed;
}

/**
 * Returns the total size of files and the time of last use. Most systems update the access time on reading; on the
 * others, the builder sets it.
 */
function measure(files: readonly string[]): Pick<CacheItem, 'bytes' | 'usedAt'> {
  const all = files.map((file) => statSync(file, { throwIfNoEntry: false }));
  const bytes = all.reduce((sum, stats) => sum + (stats?.size ?? 0), 0);
  const times = all.map((stats) => Math.max(stats?.atimeMs ?? 0, stats?.mtimeMs ?? 0));
  return { bytes, usedAt: Math.max(0, ...times) };
}

function filesBelow(folder: string): string[] {
  return entriesIn(folder, true)
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function foldersIn(folder: string): string[] {
  return entriesIn(folder, false)
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
}

function entriesIn(folder: string, recursive: boolean): Dirent[] {
  try {
    return readdirSync(folder, { recursive, withFileTypes: true });
  } catch (error) {
    // Not created yet, or removed by another build.
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
