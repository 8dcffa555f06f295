import { ARCHITECTURES } from '../../../architecture.ts';
import type { DownloadContext } from '../../../cache/receive.ts';
import { hideCredentials, TransferFailure } from '../../../cache/transfer-failure.ts';
import { BuildError } from '../../../error.ts';
import { version3 } from '../archive/damaged.ts';
import { makeFileAddress } from './address.ts';

/** Name of an index in format v2. */
export const INDEX = 'APKINDEX.tar.gz';
/** Name of an index in format v3 (apk-repositories(5) of apk-tools 3). */
const INDEX_V3 = 'Packages.adb';

/** An index that was not found. */
export interface MissingIndex {
  /** Address of the repository. */
  readonly url: string;
  /** Alpine's name of the architecture. */
  readonly architecture: string;
  readonly context: DownloadContext;
}

/**
 * Finds out why a repository has no index, by looking for other files of the mirror.
 * @param cause the error of the request for the index
 * @returns the error to throw: the index is in format v3, the mirror lacks the architecture, or there is no repository
 */
export async function explainMissingIndex(
  missing: MissingIndex,
  cause: unknown,
): Promise<BuildError> {
  const { url, architecture } = missing;
  if (await has(missing, architecture, INDEX_V3)) {
    return version3(hideCredentials(makeFileAddress(url, architecture, INDEX_V3)), cause);
  }
  const others = Object.values(ARCHITECTURES)
    .map(({ machine }) => machine)
    .filter((machine) => machine !== architecture);
  const there: string[] = [];
  for (const other of others) if (await has(missing, other, INDEX)) there.push(other);
  if (there.length === 0) {
    return new BuildError({
      what: 'there is no repository',
      where: hideCredentials(makeFileAddress(url, architecture, INDEX)),
      fix: `A repository has <architecture>/${INDEX}; check its address, its branch and the architecture.`,
      cause,
    });
  }
  return new BuildError({
    what: `the mirror lacks the architecture ${architecture}; it has ${there.join(', ')}`,
    where: hideCredentials(url),
    fix: `Use a mirror that has ${architecture}, or another architecture.`,
    cause,
  });
}

/** Whether a repository has a file; false if that cannot be determined. */
async function has(
  { url, context }: MissingIndex,
  architecture: string,
  file: string,
): Promise<boolean> {
  const { transport, signal } = context;
  try {
    const body = await transport.open(makeFileAddress(url, architecture, file), {
      from: 0,
      signal,
    });
    // Reading and then leaving the loop closes the connection.
    for await (const _ of body.bytes) break;
    return true;
  } catch (error) {
    if (error instanceof TransferFailure) return false;
    throw error;
  }
}
