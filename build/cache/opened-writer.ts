import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { BuildError } from '../error.ts';
import { seal } from '../process/seal.ts';
import type { Entry, FileEntry } from '../tree/entry.ts';
import type { EntrySink } from '../tree/sink.ts';

/** Bytes that are buffered before they are written; packages have many small files. */
const BUFFER_SIZE = 1024 * 1024;

/** Collects the entries of an archive, and writes their contents one after the other to a file. */
export class OpenedWriter implements EntrySink {
  readonly entries: Entry[] = [];
  readonly #path: string;
  readonly #target: string;
  readonly #file: FileHandle;
  readonly #buffer = Buffer.allocUnsafe(BUFFER_SIZE);
  #buffered = 0;
  #written = 0;
  #busy = false;

  private constructor(path: string, target: string, file: FileHandle) {
    this.#path = path;
    this.#target = target;
    this.#file = file;
  }

  /**
   * Creates a writer.
   * @param path temporary name; it must not exist
   * @param target final name of the file
   */
  static async create(path: string, target: string): Promise<OpenedWriter> {
    return new OpenedWriter(path, target, await open(path, 'wx'));
  }

  /** Size of all contents so far, in bytes. */
  get size(): number {
    return this.#written + this.#buffered;
  }

  add(entry: Exclude<Entry, { type: 'file' }>): void {
    this.entries.push(entry);
  }

  async file(entry: Omit<FileEntry, 'content'>, content: AsyncIterable<Uint8Array>): Promise<void> {
    if (this.#busy) throw new Error(`${entry.path} began before the previous file had ended`);
    this.#busy = true;
    const offset = this.size;
    for await (const chunk of content) {
      if (this.size + chunk.length - offset > entry.size) throw wrongSize(entry, 'more');
      await this.#append(chunk);
    }
    const got = this.size - offset;
    if (got < entry.size) throw wrongSize(entry, `only ${got}`);
    this.entries.push({ ...entry, content: { in: 'file', file: this.#target, offset } });
    this.#busy = false;
  }

  /** Seals the file and gives it its final name; the writer must not be used afterwards. */
  async commit(): Promise<void> {
    await this.#flush();
    await seal(this.#file);
    await this.#file.close();
    await rename(this.#path, this.#target);
  }

  /** Closes and removes the file. */
  async discard(): Promise<void> {
    await this.#file.close();
    await rm(this.#path, { force: true });
  }

  async #append(chunk: Uint8Array): Promise<void> {
    for (let taken = 0; taken < chunk.length; ) {
      const part = chunk.subarray(taken, taken + BUFFER_SIZE - this.#buffered);
      this.#buffer.set(part, this.#buffered);
      this.#buffered += part.length;
      taken += part.length;
      if (this.#buffered === BUFFER_SIZE) await this.#flush();
    }
  }

  async #flush(): Promise<void> {
    for (let done = 0; done < this.#buffered; ) {
      const { bytesWritten } = await this.#file.write(this.#buffer, done, this.#buffered - done);
      done += bytesWritten;
    }
    this.#written += this.#buffered;
    this.#buffered = 0;
  }
}

function wrongSize({ path, size, origin }: Omit<FileEntry, 'content'>, found: string): BuildError {
  return new BuildError({
    what: `${path} has ${found} bytes instead of ${size}`,
    where: origin,
    fix: 'The archive is damaged or hostile; nothing was taken from it.',
  });
}
