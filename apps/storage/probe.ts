import { join } from 'node:path';
import { run } from '../process/run.ts';
import type { OnSurvivor } from './last-answer.ts';
import { toSystemError } from './system-error.ts';

/** Name of the test file; always the same, so that a power failure leaves at most one. */
const NAME = '.quantix-probe';

/** Milliseconds that a write to the disk may take. */
const TIME_LIMIT = 30_000;

/**
 * With `set -C`, the shell creates the file only if it does not exist, and follows no link; sync(1) waits for the disk.
 */
const WRITE = `rm -f -- "$1" && set -C && umask 077 && echo 'Written to see whether this can be done.' >"$1" &&
	sync "$1" && rm -f -- "$1"`;

/** Options of a child process: a signal that ends it, and a callback for when it does not end. */
export interface ChildOptions {
  signal?: AbortSignal | undefined;
  onSurvivor?: OnSurvivor | undefined;
}

/**
 * Writes a small file to a pool's folder, syncs it to the disk, and removes it.
 * @throws SystemError with the reason if one of these steps fails; CommandError if they take too long
 */
export async function probePool(folder: string, options: ChildOptions = {}): Promise<void> {
  try {
    await run('sh', ['-c', WRITE, 'sh', join(folder, NAME)], { timeout: TIME_LIMIT, ...options });
  } catch (error) {
    throw toSystemError(error);
  }
}
