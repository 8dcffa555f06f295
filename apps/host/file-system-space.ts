import { type RunOptions, run } from '../process/run.ts';

/** Space of a file system in bytes. */
export interface Space {
  total: number;
  used: number;
  /** What anyone but root may still take. */
  available: number;
}

/** Parses `stat -f -c '%S %b %f %a'` (statvfs(3): block size, blocks, free ones, free ones for others than root). */
export function parseSpace(text: string): Space {
  const numbers = /^(\d{1,15}) (\d{1,15}) (\d{1,15}) (\d{1,15})$/.exec(text.trim());
  if (numbers === null) throw new Error('stat told nothing of the file system');
  const [block = 0, blocks = 0, free = 0, available = 0] = numbers.slice(1).map(Number);
  return {
    total: block * blocks,
    used: block * Math.max(0, blocks - free),
    available: block * available,
  };
}

/**
 * Space of the file system at a path. Asked by a child with a time limit, in milliseconds: where a file server is gone,
 * the kernel would hold up this process's own threads, and nothing could end them.
 * @throws CommandError with the system's words, or with `timeout`
 */
export async function readSpace(
  path: string,
  options: Pick<RunOptions, 'timeout' | 'signal' | 'onSurvivor'>,
): Promise<Space> {
  return parseSpace(await run('stat', ['-f', '-c', '%S %b %f %a', '--', path], options));
}
