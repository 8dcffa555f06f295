import { constants } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { dirname } from 'node:path';
import { setInterval as every } from 'node:timers/promises';
import { messageOf } from '../error.ts';

/** Milliseconds between two signs of life. */
const INTERVAL = 15_000;

/** The file is not truncated: its block is written again, which also succeeds on a file system that is full. */
const OVER = constants.O_WRONLY | constants.O_CREAT;

/** How signs of life are written. */
export interface SignsOfLife {
  /** Receives a line for the log when the file cannot be written any more. */
  readonly onProblem: (line: string) => void;
  readonly signal: AbortSignal;
  /** Milliseconds between two signs. */
  readonly interval?: number;
}

/**
 * Writes the seconds since boot to a file at intervals, as its first line, until the signal is aborted. The service
 * restarts a program that no longer does this. A failure does not end the program: it is reported, and writing is tried
 * again with the next sign.
 * @param file its folder is created if necessary
 */
export async function writeSignsOfLife(
  file: string,
  { onProblem, signal, interval = INTERVAL }: SignsOfLife,
): Promise<void> {
  let reported = '';
  const write = async () => {
    try {
      await mkdir(dirname(file), { recursive: true, mode: 0o755 });
      await writeFile(file, `${uptime()}\n`, { flag: OVER });
      reported = '';
    } catch (error) {
      const why = messageOf(error);
      if (why !== reported) {
        onProblem(`the sign of life cannot be written, and is tried again: ${why} (${file})`);
      }
      reported = why;
    }
  };
  await write();
  try {
    for await (const _ of every(interval, undefined, { signal })) await write();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
