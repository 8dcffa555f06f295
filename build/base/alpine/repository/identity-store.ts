import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Blob } from '../../../cache/blob-store.ts';
import type { CacheDirectory } from '../../../cache/directory.ts';
import { temporaryPath } from '../../../cache/temporary.ts';
import { errorCode } from '../../../process/errno.ts';

/**
 * Remembers which file a package is: an index knows a package by its identity, the cache by the SHA-256 of its
 * file. One small file each, named by the SHA-1 in the identity; a wrong one is found out by what it leads to.
 */
export class IdentityStore {
  readonly #directory: CacheDirectory;

  constructor(directory: CacheDirectory) {
    this.#directory = directory;
  }

  /** @returns the package's file, or `undefined` if it is not known */
  async lookup(identity: string): Promise<Blob | undefined> {
    try {
      const text = await readFile(this.#path(identity), 'utf8');
      const match = /^([0-9a-f]{64}) (\d{1,15})\n$/.exec(text);
      return match?.[1] === undefined ? undefined : { sha256: match[1], size: Number(match[2]) };
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async remember(identity: string, { sha256, size }: Blob): Promise<void> {
    await mkdir(this.#directory.apk, { recursive: true });
    const temporary = await temporaryPath(this.#directory, sha256);
    await writeFile(temporary, `${sha256} ${size}\n`);
    await rename(temporary, this.#path(identity));
  }

  #path(identity: string): string {
    return join(this.#directory.apk, Buffer.from(identity.slice(2), 'base64').toString('hex'));
  }
}
