import { createHash, type Hash } from 'node:crypto';
import { chmod, type FileHandle, open, rename, rm } from 'node:fs/promises';
import { errorCode } from '../process/errno.ts';
import { seal } from '../process/seal.ts';

/** Bytes per read when the existing part of a resumed file is hashed. */
const READ_SIZE = 1024 * 1024;

/** A temporary file that is hashed while it is written, front to back. */
export class BlobWriter {
  readonly path: string;
  readonly #file: FileHandle;
  #hash: Hash = createHash('sha256');
  #length = 0;

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  /** Creates a file; the path must not exist. */
  static async create(path: string): Promise<BlobWriter> {
    return new BlobWriter(path, await open(path, 'wx'));
  }

  /** Continues at the end of a file that this process owns; hashes its existing part first. */
  static async resume(path: string): Promise<BlobWriter> {
    const writer = new BlobWriter(path, await openSealed(path));
    try {
      // Marks the file as in use, so that it is not removed as the leftover of a killed process.
      await writer.#file.utimes(new Date(), new Date());
      await writer.#hashWhatIsThere();
    } catch (error) {
      await writer.#file.close();
      throw error;
    }
    return writer;
  }

  /** Number of bytes written so far. */
  get length(): number {
    return this.#length;
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    let written = 0;
    while (written < bytes.length) {
      const at = this.#length + written;
      written += (await this.#file.write(bytes, written, bytes.length - written, at)).bytesWritten;
    }
    this.#length += bytes.length;
  }

  /** Discards what was written. */
  async restart(): Promise<void> {
    await this.#file.truncate(0);
    this.#hash = createHash('sha256');
    this.#length = 0;
  }

  /** Returns the SHA-256 of everything written so far, in hex. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  /** Seals the file and gives it its final name; the writer must not be used afterwards. */
  async commit(target: string): Promise<void> {
    await seal(this.#file);
    await this.#file.close();
    await rename(this.path, target);
  }

  /** Closes the file without removing it. */
  async close(): Promise<void> {
    await this.#file.close();
  }

  /** Closes and removes the file. */
  async discard(): Promise<void> {
    await this.#file.close();
    await rm(this.path, { force: true });
  }

  async #hashWhatIsThere(): Promise<void> {
    const { size } = await this.#file.stat();
    const buffer = Buffer.allocUnsafe(Math.min(size, READ_SIZE));
    while (this.#length < size) {
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.#length);
      if (bytesRead === 0) return;
      this.#hash.update(buffer.subarray(0, bytesRead));
      this.#length += bytesRead;
    }
  }
}

/** Opens a file for writing, also one that a process sealed before it was killed, and which is therefore read-only. */
async function openSealed(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if (errorCode(error) !== 'EACCES') throw error;
    await chmod(path, 0o644);
    return await open(path, 'r+');
  }
}
