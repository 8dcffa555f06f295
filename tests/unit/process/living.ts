import { readFile } from 'node:fs/promises';

/** Whether a process is running; false for a zombie. */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    return !/^State:\s+Z/m.test(await readFile(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
