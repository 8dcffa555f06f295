import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { utimes } from 'node:fs/promises';
import { errorCode } from './errno.ts';

/**
 * Modification time of every file in the cache whose content has been checked, in seconds since 1970. Later writes
 * change the time, so one `stat` shows whether the file may have changed. Archivers such as tar preserve it, so a cache
 * that a CI service restores remains valid.
 */
const SEALED_TIME = 1;

/** Marks a file as checked: read-only, with the sealed time, and synced to disk. Executables stay executable. */
export async function seal(file: FileHandle): Promise<void> {
  const { mode } = await file.stat();
  await file.chmod(0o444 | (mode & 0o111));
  await file.utimes(new Date(), SEALED_TIME);
  await file.sync();
}

/** Marks a file as checked again. */
export async function resealPath(path: string): Promise<void> {
  await utimes(path, new Date(), SEALED_TIME);
}

/** Milliseconds after the last use within which a use is not recorded again. */
export const USE_GRAIN = 3_600_000;

/**
 * Records the use of a sealed file in its access time. Ignored if the cache is not writable.
 * @param stats result of an earlier stat of the file
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

/** Whether the file is unchanged since it was sealed. */
export function isSealed(stats: Pick<Stats, 'mtimeMs'>): boolean {
  return stats.mtimeMs === SEALED_TIME * 1000;
}
