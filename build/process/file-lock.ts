import { spawn } from 'node:child_process';
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { BuildError } from '../error.ts';
import { errorCode } from './errno.ts';
import { TOOL_PACKAGES } from './tools.ts';

/** Exit code of flock(1) if the lock is held by another process. */
const HELD = 75;

/** Kind of a lock on a file: at any time, there is at most one exclusive lock, or any number of shared ones. */
export type LockKind = 'exclusive' | 'shared';

/**
 * Calls a function while this process holds a lock on a file (flock(2)); waits for the lock first. The kernel releases
 * the lock when the process ends in any way. The file of an exclusive lock is removed when it is released.
 * @param file created if needed, but not its folder
 * @throws BuildError if `flock` is missing, the file cannot be created, or the signal is aborted; errors of `work`
 */
export async function withFileLock<T>(
  { file, kind, signal }: { file: string; kind: LockKind; signal?: AbortSignal | undefined },
  work: () => Promise<T>,
): Promise<T> {
  const held = await acquire(file, kind, signal);
  try {
    return await work();
  } finally {
    // The file is removed before the lock is released: a process that waits for the lock notices this, and uses a new
    // file.
    try {
      if (kind === 'exclusive') await rm(file, { force: true });
    } finally {
      await held.close();
    }
  }
}

/** Marks a file or folder as being written until the result is closed or the process ends; see `isAbandoned`. */
export async function holdWhileWriting(path: string): Promise<FileHandle> {
  const handle = await open(path, 'r');
  try {
    await flock(handle, ['--shared']);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Whether the process that called `holdWhileWriting` for a file or folder has ended or has released it; false if the
 * path does not exist.
 */
export async function isAbandoned(path: string): Promise<boolean> {
  const handle = await openIfThere(path);
  if (handle === undefined) return false;
  try {
    return await flock(handle, ['--exclusive', '--nonblock']);
  } finally {
    await handle.close();
  }
}

async function acquire(
  file: string,
  kind: LockKind,
  signal: AbortSignal | undefined,
): Promise<FileHandle> {
  for (;;) {
    const handle = await open(file, 'a');
    try {
      await flock(handle, [`--${kind}`], signal);
      if (await isStill(file, handle)) return handle;
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
  }
}

/** Whether a path still refers to the open file, which the previous holder may have removed. */
async function isStill(file: string, handle: FileHandle): Promise<boolean> {
  const held = await handle.stat();
  try {
    const named = await stat(file);
    return named.ino === held.ino && named.dev === held.dev;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Locks an open file. flock(1) gets it as standard input and locks the open file that both processes share, so the lock
 * remains after flock has ended, as long as this process has the file open.
 * @returns false if another process holds the lock and `--nonblock` was given
 */
async function flock(
  { fd }: FileHandle,
  options: readonly string[],
  signal?: AbortSignal,
): Promise<boolean> {
  const args = [...options, '--conflict-exit-code', String(HELD), '0'];
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  // Not execa, which can only pass on the standard streams of this process.
  const child = spawn('flock', args, { stdio: [fd, 'ignore', 'ignore'], signal });
  child.on('error', (cause) => reject(flockError(cause)));
  child.on('close', (code) => {
    if (code === 0 || code === HELD) resolve(code === 0);
    else reject(new BuildError({ what: `flock exited with ${code}` }));
  });
  return promise;
}

function flockError(cause: Error): BuildError {
  if (errorCode(cause) !== 'ENOENT') {
    return new BuildError({ what: 'waiting for another build was cancelled', cause });
  }
  const fix = `Install it: apt-get install ${TOOL_PACKAGES.flock}`;
  return new BuildError({ what: 'host tool flock is missing', fix, cause });
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
