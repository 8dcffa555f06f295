import { readFile } from 'node:fs/promises';
import { BuildError } from '../../error.ts';
import { errorCode } from '../../process/errno.ts';
import type { EntrySink } from '../../tree/sink.ts';
import { refuseVersion3 } from './archive/damaged.ts';
import { readIndex } from './index/read.ts';
import { openPackage } from './package/open.ts';
import type { TrustedKeys } from './signature/keys.ts';

/** Reads contents to their end, so that their checksums are verified, and discards them. */
const NOWHERE: EntrySink = {
  add: () => {},
  file: async (_entry, content) => {
    for await (const _ of content);
  },
};

/**
 * Checks a package (`.apk`, format v2), or an index if the file name ends in `.tar.gz`: its signature by a trusted key,
 * and every byte of it.
 * @param file path on the host
 * @returns for an index, the number of packages in it
 * @throws BuildError if it cannot be read, is damaged or hostile, or is not signed by a trusted key
 */
export async function verifyArchive(
  file: string,
  { keys, signal }: { keys: TrustedKeys; signal?: AbortSignal | undefined },
): Promise<{ packages?: number }> {
  if (!file.endsWith('.tar.gz')) {
    await openPackage({ file, keys, origin: file, sink: NOWHERE, signal });
    return {};
  }
  const bytes = await readFile(file, { signal }).catch((cause: unknown) => {
    const code = errorCode(cause);
    if (code === undefined || code === 'ABORT_ERR') throw cause;
    throw new BuildError({ what: `cannot be read: ${code}`, where: file, cause });
  });
  refuseVersion3(bytes, file);
  return { packages: readIndex({ bytes, keys, where: file }).packages.length };
}
