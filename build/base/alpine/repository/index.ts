import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PackageGone } from '../../../cache/download-error.ts';
import { downloadUnpinned } from '../../../cache/download-unpinned.ts';
import type { DownloadContext } from '../../../cache/receive.ts';
import { hideCredentials } from '../../../cache/transfer-failure.ts';
import { BuildError } from '../../../error.ts';
import { errorCode } from '../../../process/errno.ts';
import { type RepositoryIndex, readIndex } from '../index/read.ts';
import type { TrustedKeys } from '../signature/keys.ts';
import { makeFileAddress, type RepositoryAddress } from './address.ts';
import { explainMissingIndex, INDEX } from './missing-index.ts';

/** Maximum number of bytes of a compressed index; Alpine's largest has 2 MB. */
const MOST_INDEX = 64 * 1024 * 1024;

/** A repository whose index has been read and verified. */
export interface Repository extends RepositoryAddress, RepositoryIndex {
  /** SHA-256 of the index as downloaded, hex. */
  readonly sha256: string;
}

/** Input of `openRepository`. */
export interface IndexRequest {
  readonly address: RepositoryAddress;
  /** Alpine's name of the architecture: `aarch64`. */
  readonly architecture: string;
  readonly keys: TrustedKeys;
  readonly context: DownloadContext;
}

/**
 * Fetches and verifies the index of a repository.
 * @throws BuildError if it is unavailable, or not signed by a trusted key
 */
export async function openRepository(request: IndexRequest): Promise<Repository> {
  const { address, architecture, keys } = request;
  const url = makeFileAddress(address.url, architecture, INDEX);
  const where = hideCredentials(url);
  const bytes = await bytesOf(url, request);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { ...address, sha256, ...readIndex({ bytes, keys, where }) };
}

async function bytesOf(url: string, request: IndexRequest): Promise<Buffer> {
  const { address, architecture, context } = request;
  try {
    return await readFile(
      url.startsWith('file:') ? parseFileUrl(url) : await downloaded(url, context),
    );
  } catch (error) {
    if (!(error instanceof PackageGone || errorCode(error) === 'ENOENT')) throw error;
    throw await explainMissingIndex({ url: address.url, architecture, context }, error);
  }
}

async function downloaded(url: string, context: DownloadContext): Promise<string> {
  const name = `the index of ${hideCredentials(url)}`;
  const check = async () => {};
  return (await downloadUnpinned({ name, url, most: MOST_INDEX, check }, context)).file;
}

/**
 * Returns the path of a `file:` address.
 * @throws BuildError if it does not refer to this host
 */
export function parseFileUrl(url: string): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new BuildError({
      what: 'it is not the address of a file on this host',
      where: url,
      cause,
    });
  }
}
