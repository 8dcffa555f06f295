import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../process/atomic-write.ts';
import { errorCode } from '../process/errno.ts';
import type { Blob } from './blob-store.ts';
import type { CacheDirectory } from './directory.ts';

/**
 * Maps hashes other than a file's SHA-256 to files of the cache: the SHA-1 of a part of an apk package; the SHA-512 of
 * an npm package. Each entry is one small file. A wrong entry is detected when the file that it refers to is checked.
 */
export class IdentityStore {
  readonly #directory: CacheDirectory;
  readonly #room: string;

  /** @param room folder of the cache for this kind of identity */
  constructor(directory: CacheDirectory, room: string) {
    this.#directory = directory;
    this.#room = room;
  }

  /**
   * Looks an identity up.
   * @param identity hash in hex
   * @returns the file, or `undefined` if unknown
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
