import { mkdir, writeFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { dirname } from 'node:path';
import { setInterval as every } from 'node:timers/promises';

/** Milliseconds between two signs of life. */
const INTERVAL = 15_000;

/**
 * Writes the seconds since boot to a file at intervals, until the signal is aborted. The service restarts a program
 * that no longer does this.
 * @param file its folder is created if necessary
 * @throws errors of the file system
 */
export async function writeSignsOfLife(file: string, signal: AbortSignal): Promise<void> {
  const write = () => writeFile(file, `${uptime()}\n`);
  await mkdir(dirname(file), { recursive: true, mode: 0o755 });
  await write();
  try {
    for await (const _ of every(INTERVAL, undefined, { signal })) await write();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
