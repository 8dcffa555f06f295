import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseMediumFiles } from '../../build/disk/medium-files.ts';
import { messageOf } from '../error.ts';
import { InstallError } from './error.ts';
import { PATHS } from './medium.ts';

/** Bytes per read. */
const PIECE = 1024 * 1024;

/**
 * Compares the files of a medium, including the root filesystem, with the hashes on it. Without this check, an image
 * with a damaged file would be installed: the comparison of two reads of the image does not find the damage, and the
 * kernel checks a block of the root filesystem only when the block is used.
 * @param medium its mount point
 * @param onBytes receives the bytes read so far, and in all
 * @throws InstallError that names every damaged file; ExplainedError if the list itself is damaged
 */
export async function checkMedium(
  medium: string,
  signal: AbortSignal,
  onBytes: (done: number, total: number) => void = () => undefined,
): Promise<void> {
  const text = await readFile(join(medium, PATHS.list), 'utf8').catch((cause: unknown) => {
    throw damaged(`${PATHS.list} cannot be read: ${messageOf(cause)}`, medium, cause);
  });
  const files = parseMediumFiles(text, PATHS.list);
  const total = await bytesOf(medium, [...files.keys()]);
  let done = 0;
  const problems: string[] = [];
  for (const [path, sha256] of files) {
    try {
      const hash = createHash('sha256');
      const options = { highWaterMark: PIECE, signal };
      for await (const piece of createReadStream(join(medium, path), options)) {
        hash.update(piece);
        done += piece.length;
        onBytes(done, total);
      }
      if (hash.digest('hex') !== sha256) problems.push(`${path} differs from what was built`);
    } catch (error) {
      signal.throwIfAborted();
      problems.push(`${path} cannot be read: ${messageOf(error)}`);
    }
  }
  if (problems.length > 0) throw damaged(problems.join('; '), medium);
}

/** Returns the bytes of all existing files. */
async function bytesOf(medium: string, paths: readonly string[]): Promise<number> {
  const sizes = paths.map((path) =>
    stat(join(medium, path)).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

function damaged(why: string, medium: string, cause?: unknown): InstallError {
  return new InstallError({
    what: `the medium is damaged: ${why}`,
    where: medium,
    fix: 'Nothing was written. Write the medium anew, or use another one.',
    cause,
  });
}
