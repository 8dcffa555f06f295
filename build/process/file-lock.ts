import { spawn } from 'node:child_process';
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { BuildError } from '../error.ts';
import { errorCode } from './errno.ts';
import { TOOL_PACKAGES } from './tools.ts';

/** Exit code of flock(1) when somebody else holds the lock. */
const HELD = 75;

/** Who may hold a lock at the same time: one writer alone, or any number of readers. */
export type LockKind = 'exclusive' | 'shared';

/**
 * Does some work while this process holds a lock on a file (flock(2)), and waits until it is free. The kernel releases
 * the lock when the process ends, however it ends. An exclusive lock takes its file away when it is released.
 * @param file made if it is not there; its folder must be
 * @throws BuildError if `flock` is missing, the file cannot be made, or the signal is aborted; whatever `work` throws
 */
export async function withFileLock<T>(
  { file, kind, signal }: { file: string; kind: LockKind; signal?: AbortSignal | undefined },
  work: () => Promise<T>,
): Promise<T> {
  const held = await acquire(file, kind, signal);
  try {
    return await work();
  } finally {
    // Before it is released: whoever waited for it sees that the name is gone, and takes a new file.
    if (kind === 'exclusive') await rm(file, { force: true });
    await held.close();
  }
}

/**
 * Marks a file or folder that is being written as having a living writer, until the result is closed or the process
 * ends; see `isAbandoned`.
 */
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

/** Whether the process that wrote a file or folder, and held it meanwhile, is gone. */
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

/** Whether a file still has its name; the holder before may have removed it. */
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
 * Locks an open file. flock(1) gets it as its standard input and locks what both processes have open, so the lock
 * stays when flock has ended, for as long as this process has the file open.
 * @returns false if somebody else holds the lock and `--nonblock` was asked for
 */
async function flock(
  { fd }: FileHandle,
  options: readonly string[],
  signal?: AbortSignal,
): Promise<boolean> {
  const args = [...options, '--conflict-exit-code', String(HELD), '0'];
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  // execa passes on none but the standard streams; this is an open file.
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
