import { type FileHandle, open } from 'node:fs/promises';
import { ExplainedError } from '../error.ts';
import { startChild } from '../process/child.ts';

/**
 * Holds a lock of flock(2) until the result is disposed of. The kernel gives it up when this process ends, however that
 * happens.
 * @param file made if it is not there; its folder must be
 * @param seconds how long the lock is waited for; with 0 it is taken or not
 * @throws ExplainedError if somebody else holds it all that time; what the system throws if the file cannot be made
 */
export async function lockFile(
  file: string,
  { seconds, holder }: { seconds: number; holder: string },
): Promise<AsyncDisposable> {
  const handle = await open(file, 'a', 0o600);
  try {
    await flock(handle, { seconds, holder, file });
  } catch (error) {
    await handle.close();
    throw error;
  }
  return { [Symbol.asyncDispose]: () => handle.close() };
}

interface Wait {
  seconds: number;
  holder: string;
  file: string;
}

/** The lock belongs to what was opened, which the child shares with this process: it stays when the child ends. */
async function flock(handle: FileHandle, { seconds, holder, file }: Wait): Promise<void> {
  const limit = seconds === 0 ? undefined : AbortSignal.timeout(seconds * 1000);
  const args = seconds === 0 ? ['-x', '-n', '0'] : ['-x', '0'];
  const child = startChild({
    command: 'flock',
    args,
    stdio: [handle.fd, 'ignore', 'ignore'],
    signal: limit ?? new AbortController().signal,
  });
  const { exitCode } = await child.ended;
  if (exitCode === 0) return;
  if (seconds === 0 || limit?.aborted) {
    throw new ExplainedError({ what: `${holder} is under way`, where: file, fix: 'Wait for it.' });
  }
  throw new ExplainedError({ what: 'the lock cannot be taken', where: file });
}
