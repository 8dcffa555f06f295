import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Whether the control plane can serve: what the service `qx-controlplane` waits for and tells. */
export type Readiness = 'ready' | 'failed';

/** The file with that word, beside the socket. */
export function stateFile(socket: string): string {
  return join(dirname(socket), 'state');
}

/** Notes whether the control plane can serve. */
export async function writeState(socket: string, state: Readiness): Promise<void> {
  const file = stateFile(socket);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, `${state}\n`);
  await rename(`${file}.new`, file);
}

/** Forgets what an earlier process noted. */
export async function clearState(socket: string): Promise<void> {
  await rm(stateFile(socket), { force: true });
}
