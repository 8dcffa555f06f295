import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makePrintable } from '../../text/printable.ts';

/** Whether the control plane can serve; the service `qx-controlplane` waits for it and shows it. */
export type Readiness = 'ready' | 'failed';

/** Returns the path of the file with the readiness, next to the socket. */
export function locateStateFile(socket: string): string {
  return join(dirname(socket), 'state');
}

/**
 * Writes whether the control plane can serve.
 * @param reason why it cannot, for people; it becomes the second line
 */
export async function writeState(
  socket: string,
  state: Readiness,
  reason: string | undefined,
): Promise<void> {
  const file = locateStateFile(socket);
  const lines = [state, ...(reason === undefined ? [] : [makePrintable(reason)])];
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, lines.map((line) => `${line}\n`).join(''));
  await rename(`${file}.new`, file);
}

/** Removes the readiness that an earlier process wrote. */
export async function clearState(socket: string): Promise<void> {
  await rm(locateStateFile(socket), { force: true });
}
