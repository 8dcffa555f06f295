import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { getErrorCode } from '../../process/code-of.ts';

/** A hidden file with the contents of a volume that is being made: `.quantix-new.TASK.VOLUME`. */
const UNFINISHED = /^\.quantix-new\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(.+)$/;

/** Milliseconds after which nobody writes such a file any more; another host may be making a volume in a shared pool. */
const STALE = 3_600_000;

/** Returns the path of the file in which a task makes a volume. @param volume path of the volume */
export function nameUnfinished(volume: string, taskId: string): string {
  return join(dirname(volume), `.quantix-new.${taskId}.${basename(volume)}`);
}

/**
 * Removes the unfinished files that interrupted tasks left in the folder of a volume: all of this volume, whose tasks run one
 * after another, and old ones of others. Otherwise, nothing would ever free their space.
 * @param volume path of the volume
 * @throws errors of the disk
 */
export async function sweepUnfinished(volume: string): Promise<void> {
  const folder = dirname(volume);
  for (const name of await readdir(folder)) {
    const [, of] = UNFINISHED.exec(name) ?? [];
    if (of === undefined) continue;
    const path = join(folder, name);
    if (of === basename(volume) || (await isStale(path))) await rm(path, { force: true });
  }
}

async function isStale(path: string): Promise<boolean> {
  try {
    // By the time of the inode, which also a link to it or its removal changes.
    return Date.now() - (await stat(path)).ctimeMs > STALE;
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
