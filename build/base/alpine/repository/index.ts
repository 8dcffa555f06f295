import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { downloadUnpinned } from '../../../cache/download-unpinned.ts';
import type { DownloadContext } from '../../../cache/receive.ts';
import { shownUrl } from '../../../cache/transfer-failure.ts';
import { BuildError } from '../../../error.ts';
import { type RepositoryIndex, readIndex } from '../index/read.ts';
import type { TrustedKeys } from '../signature/keys.ts';
import { fileAddress, type RepositoryAddress } from './address.ts';

/** Most bytes an index may have, compressed; Alpine's largest has 2 MB. */
const MOST_INDEX = 64 * 1024 * 1024;

/** A repository whose index was read and verified. */
export interface Repository extends RepositoryAddress, RepositoryIndex {
  /** Of the index as it came, hex. */
  readonly sha256: string;
}

/** What an index is fetched for and with. */
export interface IndexRequest {
  readonly address: RepositoryAddress;
  /** Alpine's name of the architecture: `aarch64`. */
  readonly architecture: string;
  readonly keys: TrustedKeys;
  readonly context: DownloadContext;
}

/**
 * Fetches the index of a repository and verifies it.
 * @throws BuildError if it cannot be had, or no trusted key stands for it
 */
export async function openRepository(request: IndexRequest): Promise<Repository> {
  const { address, architecture, keys, context } = request;
  const url = fileAddress(address.url, architecture, 'APKINDEX.tar.gz');
  const where = shownUrl(url);
  const file = url.startsWith('file:') ? localPath(url) : await downloaded(url, context);
  const bytes = await bytesOf(file);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { ...address, sha256, ...readIndex({ bytes, keys, where }) };
}

async function downloaded(url: string, context: DownloadContext): Promise<string> {
  const name = `the index of ${shownUrl(url)}`;
  const check = async () => {};
  return (await downloadUnpinned({ name, url, most: MOST_INDEX, check }, context)).file;
}

/**
 * Path of a `file:` address.
 * @throws BuildError if it is not one on this host
 */
export function localPath(url: string): string {
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

async function bytesOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new BuildError({
      what: 'there is no repository',
      where: file,
      fix: 'A repository is a folder with <architecture>/APKINDEX.tar.gz; check its place and the architecture.',
      cause,
    });
  }
}
