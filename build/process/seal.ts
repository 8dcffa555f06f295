import type { Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { utimes } from 'node:fs/promises';

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
  await file.utimes(SEALED_TIME, SEALED_TIME);
  await file.sync();
}

/** Marks a file as checked once more. */
export async function resealPath(path: string): Promise<void> {
  await utimes(path, SEALED_TIME, SEALED_TIME);
}

/** Whether nothing wrote to the file since it was sealed. */
export function isSealed(stats: Pick<Stats, 'mtimeMs'>): boolean {
  return stats.mtimeMs === SEALED_TIME * 1000;
}
