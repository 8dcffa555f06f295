import { endsWithin } from './tar.ts';
import { BLOCK } from './tar-header.ts';

/** Reads exact numbers of bytes from a stream of chunks of any size. */
export class ByteSource {
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #where: string;
  #rest: Buffer = Buffer.alloc(0);
  #position = 0;

  /** @param where the archive, for messages */
  constructor(chunks: AsyncIterable<Buffer>, where: string) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#where = where;
  }

  /** Number of bytes read or skipped so far. */
  get position(): number {
    return this.#position;
  }

  /** Skips bytes. @throws BuildError if fewer are left */
  async skip(size: number): Promise<void> {
    for (let missing = size; missing > 0; ) missing -= (await this.#part(missing)).length;
  }

  /** Closes the stream of chunks early. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  /** Returns the next tar block, or `undefined` at the end. @throws BuildError if only part of a block is left */
  async block(): Promise<Buffer | undefined> {
    if (this.#rest.length === 0 && !(await this.#more())) return undefined;
    return this.exactly(BLOCK);
  }

  /** Reads this many bytes. @throws BuildError if fewer are left */
  async exactly(size: number): Promise<Buffer> {
    if (this.#rest.length >= size) return this.#cut(size);
    const parts: Buffer[] = [];
    for (let missing = size; missing > 0; ) {
      const part = await this.#part(missing);
      parts.push(part);
      missing -= part.length;
    }
    return Buffer.concat(parts);
  }

  /** Reads this many bytes, in chunks as they arrive. @throws BuildError if fewer are left */
  async *upTo(size: number): AsyncGenerator<Buffer> {
    for (let missing = size; missing > 0; ) {
      const part = await this.#part(missing);
      missing -= part.length;
      yield part;
    }
  }

  /** Reads at least one byte, and at most this many. */
  async #part(most: number): Promise<Buffer> {
    if (this.#rest.length === 0 && !(await this.#more())) throw endsWithin(this.#where);
    return this.#cut(Math.min(most, this.#rest.length));
  }

  #cut(size: number): Buffer {
    const cut = this.#rest.subarray(0, size);
    this.#position += size;
    this.#rest = this.#rest.subarray(size);
    return cut;
  }

  async #more(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      this.#rest = next.value;
    }
    return true;
  }
}
