import { type FileHandle, open } from 'node:fs/promises';
import { ExplainedError } from '../error.ts';
import { startChild } from '../process/child.ts';

/**
 * Takes a lock of flock(2) and holds it until the result is disposed of. The kernel releases it when this process ends,
 * in whatever way.
 * @param file created if it does not exist; its folder must exist
 * @param seconds how long to wait for the lock; 0 does not wait
 * @param holder what holds the lock, for the message of the error
 * @throws ExplainedError if another process holds it for all that time; system errors if the file cannot be created
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

/**
 * Takes the lock in a child. The lock outlives the child, because it belongs to the open file description, which the
 * child shares with this process.
 */
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
