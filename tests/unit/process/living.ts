import { readFile } from 'node:fs/promises';

/** Whether a process runs; one that has ended and only waits to be asked for its exit code does not. */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    return !/^State:\s+Z/m.test(await readFile(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
