import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BuildError } from '../error.ts';
import { errorCode } from '../process/errno.ts';
import { isSealed, markUsed, resealPath } from '../process/seal.ts';
import { BlobWriter } from './blob-writer.ts';
import type { CacheDirectory } from './directory.ts';
import { explainDiskError } from './disk-error.ts';
import { makeTemporaryPath } from './temporary.ts';

/** Identity of a download: hash and size of its bytes. */
export interface Blob {
  /** In lower-case hex. */
  readonly sha256: string;
  /** In bytes. */
  readonly size: number;
}

/**
 * Downloads by SHA-256. A file gets its name only after its bytes have been hashed, and is then sealed (see
 * `process/seal.ts`). When a file is used, one `stat` decides: with the right size and an intact seal it is trusted;
 * with the right size but modified since, it is hashed again; otherwise it is removed. `verify` finds damage that does
 * not change the file's time, such as disk errors.
 */
export class BlobStore {
  readonly directory: CacheDirectory;
  readonly #onNote: (line: string) => void;

  /** @param onNote receives a line for the user when a damaged file is removed */
  constructor(directory: CacheDirectory, onNote: (line: string) => void = () => {}) {
    this.directory = directory;
    this.#onNote = onNote;
  }

  /** Returns the path of a blob, whether or not it exists. */
  path(sha256: string): string {
    return join(this.directory.blobs, 'sha256', sha256.slice(0, 2), sha256);
  }

  /** Whether a blob exists and can be trusted; a damaged one is removed, with a note. */
  async has(blob: Blob): Promise<boolean> {
    const path = this.path(blob.sha256);
    const stats = await ifThere(stat(path));
    if (stats === undefined) return false;
    if (stats.size !== blob.size) {
      return this.#remove(path, `has ${stats.size} bytes instead of ${blob.size}`);
    }
    if (!isSealed(stats)) return (await this.verify(blob.sha256)) === 'intact';
    await markUsed(path, stats);
    return true;
  }

  /** Hashes a blob again. A damaged one is removed, with a note. */
  async verify(sha256: string, signal?: AbortSignal): Promise<'intact' | 'damaged' | 'missing'> {
    const path = this.path(sha256);
    const hash = createHash('sha256');
    try {
      const stream = createReadStream(path, { highWaterMark: 1024 * 1024, signal });
      for await (const chunk of stream) hash.update(chunk);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return 'missing';
      throw error;
    }
    const got = hash.digest('hex');
    if (got !== sha256) {
      await this.#remove(path, `has SHA-256 ${got}`);
      return 'damaged';
    }
    const isSealedAgain = await ifThere(resealPath(path).then(() => true));
    return isSealedAgain === undefined ? 'missing' : 'intact';
  }

  /**
   * Stores a stream of bytes.
   * @returns its path
   * @throws BuildError if hash or size differ, or the disk is full; nothing is stored then
   */
  async put(stream: AsyncIterable<Uint8Array>, blob: Blob): Promise<string> {
    const path = await makeTemporaryPath(this.directory, blob.sha256);
    const writer = await BlobWriter.create(path);
    try {
      for await (const chunk of stream) {
        if (writer.length + chunk.length > blob.size) throw wrongSize(blob, 'more');
        await writer.append(chunk);
      }
      if (writer.length < blob.size) throw wrongSize(blob, `only ${writer.length}`);
      return await this.adopt(writer, blob);
    } catch (error) {
      await writer.discard();
      throw explainDiskError(error, this.directory.root);
    }
  }

  /**
   * Moves a completely written file into the store.
   * @returns its path
   * @throws BuildError if its hash differs; the file is not changed then
   */
  async adopt(writer: BlobWriter, { sha256 }: Blob): Promise<string> {
    const got = writer.digest();
    if (got !== sha256) {
      throw new BuildError({ what: `content has SHA-256 ${got} instead of ${sha256}` });
    }
    const path = this.path(sha256);
    await mkdir(dirname(path), { recursive: true });
    await writer.commit(path);
    return path;
  }

  async #remove(path: string, why: string): Promise<false> {
    await rm(path, { force: true });
    this.#onNote(`${path} ${why}: removed from the cache, will be fetched again`);
    return false;
  }
}

function wrongSize({ sha256, size }: Blob, found: string): BuildError {
  return new BuildError({ what: `content has ${found} bytes instead of ${size}`, where: sha256 });
}

/** Returns the result of a file system call, or `undefined` if the file does not exist. */
async function ifThere<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
