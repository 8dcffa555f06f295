import { type RunOptions, run } from '../process/run.ts';

/** Space of a file system in bytes. */
export interface Space {
  total: number;
  used: number;
  /** Bytes that users other than root may still use. */
  available: number;
}

/**
 * Parses the output of `stat -f -c '%S %b %f %a'` (statvfs(3): block size, blocks, free blocks, free blocks for users
 * other than root).
 */
export function parseSpace(text: string): Space {
  const numbers = /^(\d{1,15}) (\d{1,15}) (\d{1,15}) (\d{1,15})$/.exec(text.trim());
  if (numbers === null) throw new Error('stat printed nothing about the file system');
  const [block = 0, blocks = 0, free = 0, available = 0] = numbers.slice(1).map(Number);
  return {
    total: block * blocks,
    used: block * Math.max(0, blocks - free),
    available: block * available,
  };
}

/**
 * Reads the space of the file system at a path, in a child process with a time limit in milliseconds: if a file server
 * does not answer, the kernel blocks the caller, and a blocked thread of this process could not be ended.
 * @throws CommandError with the system's message; its `failure` is `timeout` after the time limit
 */
export async function readSpace(
  path: string,
  options: Pick<RunOptions, 'timeout' | 'signal' | 'onSurvivor'>,
): Promise<Space> {
  return parseSpace(await run('stat', ['-f', '-c', '%S %b %f %a', '--', path], options));
}
