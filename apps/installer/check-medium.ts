import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { MEDIUM_FILES, parseMediumFiles } from '../../build/disk/medium-files.ts';
import { messageOf } from '../error.ts';
import { InstallError } from './error.ts';

/**
 * Compares the files that a medium starts by with the hashes that it has of them. An image with a damaged one would be
 * installed as it is otherwise: it reads the same each time. Blocks of the root filesystem are checked by the kernel.
 * @param medium where it is mounted
 * @throws InstallError that names every file that is damaged; ExplainedError if the list is
 */
export async function checkMedium(medium: string, signal: AbortSignal): Promise<void> {
  const list = await readFile(join(medium, MEDIUM_FILES), 'utf8').catch((cause: unknown) => {
    throw damaged(`${MEDIUM_FILES} cannot be read: ${messageOf(cause)}`, medium, cause);
  });
  const problems: string[] = [];
  for (const [path, sha256] of parseMediumFiles(list)) {
    try {
      const hash = createHash('sha256');
      await pipeline(createReadStream(join(medium, path)), hash, { signal });
      if (hash.digest('hex') !== sha256) problems.push(`${path} is not as it was made`);
    } catch (error) {
      signal.throwIfAborted();
      problems.push(`${path} cannot be read: ${messageOf(error)}`);
    }
  }
  if (problems.length > 0) throw damaged(problems.join('; '), medium);
}

function damaged(why: string, medium: string, cause?: unknown): InstallError {
  return new InstallError({
    what: `the medium is damaged: ${why}`,
    where: medium,
    fix: 'Nothing was written. Write the medium anew, or use another one.',
    cause,
  });
}
