import { join } from 'node:path';
import { run } from '../process/run.ts';
import type { OnSurvivor } from './last-answer.ts';
import { systemErrorOf } from './system-error.ts';

/** Always the same, so that a power cut leaves one at most. */
const NAME = '.quantix-probe';

/** Milliseconds that a write may take, down to the disk. */
const TIME_LIMIT = 30_000;

/** With `set -C` the shell makes a file that is not there yet, through no link; sync(1) waits for the disk. */
const WRITE = `rm -f -- "$1" && set -C && umask 077 && echo 'Written to see whether this can be done.' >"$1" &&
	sync "$1" && rm -f -- "$1"`;

/** When a child is to end, and who is told if it does not. */
export interface Care {
  signal?: AbortSignal | undefined;
  onSurvivor?: OnSurvivor | undefined;
}

/**
 * Writes a small file into a pool's folder, down to the disk, and removes it.
 * @throws SystemError why that cannot be done; CommandError if it does not end in time
 */
export async function probe(folder: string, care: Care = {}): Promise<void> {
  try {
    await run('sh', ['-c', WRITE, 'sh', join(folder, NAME)], { timeout: TIME_LIMIT, ...care });
  } catch (error) {
    throw systemErrorOf(error);
  }
}
