import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** Kills all processes whose working directory is in a folder, as a power cut does. @returns their number */
export async function cutPower(folder: string): Promise<number> {
  let ended = 0;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    try {
      if (!`${await readlink(`/proc/${pid}/cwd`)}/`.startsWith(`${folder}/`)) continue;
      process.kill(Number(pid), 'SIGKILL');
      ended += 1;
    } catch {
      // The process has ended in the meantime.
    }
  }
  return ended;
}

/** Runs work in its own folder; afterwards kills all processes in it, and removes it. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-power-'));
  try {
    return await work(folder);
  } finally {
    while ((await cutPower(folder)) > 0) await wait(5);
    await rm(folder, { recursive: true });
  }
}
