import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { utimes } from 'node:fs/promises';
import { errorCode } from './errno.ts';

/**
 * Modification time of every file in the cache whose content was checked, seconds since 1970.
 * Whoever writes to the file later moves its time, so one `stat` tells whether it may have changed since;
 * archivers such as tar keep the time, so a cache restored by a CI service stays trusted.
 */
const SEALED_TIME = 1;

/** Marks a file as checked: read-only, with the sealed time, and synced to disk. A program stays one. */
export async function seal(file: FileHandle): Promise<void> {
  const { mode } = await file.stat();
  await file.chmod(0o444 | (mode & 0o111));
  await file.utimes(new Date(), SEALED_TIME);
  await file.sync();
}

/** Marks a file as checked once more. */
export async function resealPath(path: string): Promise<void> {
  await utimes(path, new Date(), SEALED_TIME);
}

/** Milliseconds within which a file is not marked as used a second time. */
export const USE_GRAIN = 3_600_000;

/**
 * Notes in a sealed file's time of access that it is used now. Whoever may not write to the cache cannot do so.
 * @param stats of the file, from before
 */
export async function markUsed(path: string, stats: Pick<Stats, 'atimeMs'>): Promise<void> {
  const now = new Date();
  if (now.getTime() - stats.atimeMs < USE_GRAIN) return;
  try {
    await utimes(path, now, SEALED_TIME);
  } catch (error) {
    if (!['EPERM', 'EACCES', 'EROFS', 'ENOENT'].includes(errorCode(error) ?? '')) throw error;
  }
}

/** Whether nothing wrote to the file since it was sealed. */
export function isSealed(stats: Pick<Stats, 'mtimeMs'>): boolean {
  return stats.mtimeMs === SEALED_TIME * 1000;
}
