import { once } from 'node:events';
import { execa } from 'execa';
import { childOptions, toolError } from './run.ts';

/** Who may hold a lock at the same time: one writer alone, or any number of readers. */
export type LockKind = 'exclusive' | 'shared';

/**
 * Does some work while this process holds a lock on a file (flock(2)), and waits until it is free. The kernel
 * releases the lock when the process ends, however it ends.
 * @param file made if it is not there; its folder must be
 * @throws BuildError if `flock` is missing, the file cannot be made, or the signal is aborted; whatever `work` throws
 */
export async function withFileLock<T>(
  { file, kind, signal }: { file: string; kind: LockKind; signal?: AbortSignal | undefined },
  work: () => Promise<T>,
): Promise<T> {
  // The lock lives as long as `cat` does, and that as long as its standard input, which dies with this process.
  const holder = execa('flock', [`--${kind}`, file, 'sh', '-c', 'echo locked; exec cat'], {
    ...childOptions({ signal }),
    stdin: 'pipe',
    stdout: 'pipe',
    buffer: { stdout: false, stderr: true },
  });
  const ended = holder.then(
    () => undefined,
    (error: unknown) => toolError('flock', error),
  );
  const failed = await Promise.race([once(holder.stdout, 'data').then(() => undefined), ended]);
  if (failed !== undefined) throw failed;
  try {
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
