import { mkdir, writeFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { dirname } from 'node:path';
import { setInterval as every } from 'node:timers/promises';

/** Milliseconds between two signs of life. */
const INTERVAL = 15_000;

/**
 * Writes a sign of life at intervals, until the signal is aborted: the seconds since boot. The service restarts a
 * program that no longer writes one.
 * @param file its folder is made
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
