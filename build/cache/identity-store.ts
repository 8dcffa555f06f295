import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../process/atomic-write.ts';
import { errorCode } from '../process/errno.ts';
import type { Blob } from './blob-store.ts';
import type { CacheDirectory } from './directory.ts';

/**
 * Remembers which file of the cache something is that others know by another hash than the SHA-256 of its file: an
 * apk package by the SHA-1 of a part of it, an npm package by its SHA-512. One small file each; a wrong one is found
 * out by what it leads to.
 */
export class IdentityStore {
  readonly #directory: CacheDirectory;
  readonly #room: string;

  /** @param room folder of the cache for identities of this kind */
  constructor(directory: CacheDirectory, room: string) {
    this.#directory = directory;
    this.#room = room;
  }

  /**
   * @param identity hash in hex
   * @returns the file, or `undefined` if it is not known
   */
  async lookup(identity: string): Promise<Blob | undefined> {
    try {
      const text = await readFile(join(this.#room, identity), 'utf8');
      const match = /^([0-9a-f]{64}) (\d{1,15})\n$/.exec(text);
      return match?.[1] === undefined ? undefined : { sha256: match[1], size: Number(match[2]) };
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async remember(identity: string, { sha256, size }: Blob): Promise<void> {
    await writeFileAtomically(join(this.#room, identity), `${sha256} ${size}\n`, {
      folder: this.#directory.tmp,
    });
  }
}
