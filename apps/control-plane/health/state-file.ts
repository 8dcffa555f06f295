import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '../../error.ts';
import { makePrintable } from '../../text/printable.ts';

/** Whether the control plane can serve; the service `qx-controlplane` waits for it and shows it. */
export type Readiness = 'ready' | 'failed';

/** Returns the path of the file with the readiness, next to the socket. */
export function locateStateFile(socket: string): string {
  return join(dirname(socket), 'state');
}

/**
 * Writes whether the control plane can serve. If that fails, as when /run is full, the file is removed: an outdated one
 * must not be shown.
 * @param reason why it cannot, for people; it becomes the second line
 * @returns why the file cannot be written, for people; the control plane works without it
 */
export async function writeState(
  socket: string,
  state: Readiness,
  reason: string | undefined,
): Promise<string | undefined> {
  const file = locateStateFile(socket);
  const lines = [state, ...(reason === undefined ? [] : [makePrintable(reason)])];
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(`${file}.new`, lines.map((line) => `${line}\n`).join(''));
    await rename(`${file}.new`, file);
    return undefined;
  } catch (error) {
    // If this fails, too, the file system cannot be changed at all, and the first failure says why.
    await Promise.allSettled([file, `${file}.new`].map((one) => rm(one, { force: true })));
    return `the readiness cannot be written, and is tried again: ${messageOf(error)} (${file})`;
  }
}

/** Removes the readiness that an earlier process wrote. */
export async function clearState(socket: string): Promise<void> {
  await rm(locateStateFile(socket), { force: true });
}
