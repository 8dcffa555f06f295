import { lstat, mkdir, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { getErrorCode } from '../process/code-of.ts';

/** Another program, or a file that is not a socket, occupies the socket's path. */
export class TakenError extends Error {
  override readonly name = 'TakenError';
}

/**
 * Makes a server listen on a Unix socket that only its owner may open. Creates the folder, and replaces a socket that a
 * dead process left behind.
 * @throws TakenError if a process already listens there, or the path is not a socket
 */
export async function bind(server: Server, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await clear(path);
  const before = process.umask(0o177);
  try {
    server.listen(path);
  } finally {
    process.umask(before);
  }
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', reject);
  });
}

async function clear(path: string): Promise<void> {
  let found: Awaited<ReturnType<typeof lstat>>;
  try {
    found = await lstat(path);
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return;
    throw error;
  }
  if (!found.isSocket()) throw new TakenError(`${path} is in the way: it is not a socket`);
  if (await answers(path)) throw new TakenError(`another program listens on ${path}`);
  await unlink(path);
}

/** Returns whether a process listens on a Unix socket. */
async function answers(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    return await new Promise<boolean>((resolve, reject) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', (error) => {
        if (getErrorCode(error) === 'ECONNREFUSED' || getErrorCode(error) === 'ENOENT')
          resolve(false);
        else reject(error);
      });
    });
  } finally {
    socket.destroy();
  }
}
