import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../process/errno.ts';
import type { CacheDirectory } from './directory.ts';
import { explainDiskError } from './disk-error.ts';

const HOUR = 3_600_000;

/** Milliseconds without a write after which an unfinished download counts as abandoned and may be resumed. */
const ORPHANED_AFTER = HOUR;
/** Milliseconds after which leftovers of killed processes are removed. */
const STALE_AFTER = 24 * HOUR;
/** Milliseconds after which downloads that nobody resumed are removed. */
const PART_STALE_AFTER = 30 * 24 * HOUR;

/**
 * Returns a path in the cache's `tmp` that no other process uses; creates the folder.
 * @param name prefix of the file's name
 * @throws BuildError if the folder cannot be created
 */
export async function makeTemporaryPath(directory: CacheDirectory, name: string): Promise<string> {
  try {
    await mkdir(directory.tmp, { recursive: true });
  } catch (error) {
    throw explainDiskError(error, directory.tmp);
  }
  return join(directory.tmp, `${name}.${process.pid}-${randomBytes(6).toString('hex')}`);
}

/** Returns the path of an interrupted download that can be resumed. */
export function makePartPath(directory: CacheDirectory, sha256: string): string {
  return join(directory.tmp, `${sha256}.part`);
}

/**
 * Removes what killed processes left in `tmp`; unfinished downloads are kept for resuming.
 * @param now milliseconds since 1970
 */
export async function sweepTemporary(directory: CacheDirectory, now = Date.now()): Promise<void> {
  for (const name of await namesIn(directory.tmp)) {
    const path = join(directory.tmp, name);
    const age = now - (await touchedAt(path));
    const orphan = /^([0-9a-f]{64})\.part\.[0-9a-f-]+$/.exec(name);
    if (orphan?.[1] !== undefined && age > ORPHANED_AFTER) {
      await renameIfThere(path, makePartPath(directory, orphan[1]));
    } else if (age > (name.endsWith('.part') ? PART_STALE_AFTER : STALE_AFTER)) {
      await rm(path, { recursive: true, force: true });
    }
  }
}

/** Renames a file, if it exists. @returns whether it existed */
export async function renameIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Returns when a file was last written or sealed: sealing sets the modification time to 1970 and the access time to
 * now.
 * @returns milliseconds since 1970; infinity for a file that another process has just moved
 */
async function touchedAt(path: string): Promise<number> {
  try {
    const { atimeMs, mtimeMs } = await stat(path);
    return Math.max(atimeMs, mtimeMs);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return Number.POSITIVE_INFINITY;
    throw error;
  }
}
