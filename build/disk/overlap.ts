import type { Region } from './block-device.ts';
import { allocatePages } from './page-memory.ts';

/** Maximum number of reads or writes of a disk at the same time. */
const MOST = 4;

/** Splits a region into regions of a given size; the last one may be smaller. */
export function splitRegion({ offset, bytes }: Region, pieceBytes: number): Region[] {
  return Array.from({ length: Math.ceil(Math.max(bytes, 0) / pieceBytes) }, (_, index) => {
    const done = index * pieceBytes;
    return { offset: offset + done, bytes: Math.min(pieceBytes, bytes - done) };
  });
}

/**
 * Reads regions in order, and reads ahead while one is processed.
 * @param read reads the bytes of a region; it may use the given buffer, which has the region's size
 * @returns the content of each region; valid only until the next one is requested
 * @throws errors of `read`; the signal's reason
 */
export async function* readAhead(
  read: (offset: number, into: Buffer) => Promise<Buffer>,
  regions: readonly Region[],
  signal?: AbortSignal | undefined,
): AsyncGenerator<{ offset: number; content: Buffer }> {
  const longest = regions.reduce((most, { bytes }) => Math.max(most, bytes), 0);
  const memory = new Turns(allocatePages(MOST + 1, longest));
  const reading: { offset: number; content: Promise<Buffer> }[] = [];
  let next = 0;
  try {
    for (;;) {
      signal?.throwIfAborted();
      for (; reading.length < MOST; next += 1) {
        const region = regions[next];
        if (region === undefined) break;
        const { offset, bytes } = region;
        const content = read(offset, memory.next().subarray(0, bytes));
        // An error is reported when this region's turn comes.
        content.catch(() => undefined);
        reading.push({ offset, content });
      }
      const first = reading.shift();
      if (first === undefined) return;
      yield { offset: first.offset, content: await first.content };
    }
  } finally {
    await Promise.allSettled(reading.map(({ content }) => content));
  }
}

/** Buffers that are used in turn. */
class Turns {
  readonly #pieces: readonly Buffer[];
  #used = 0;

  constructor(pieces: readonly Buffer[]) {
    this.#pieces = pieces;
  }

  /** Returns the buffer that has not been used for longest. */
  next(): Buffer {
    const piece = this.#pieces[this.#used % this.#pieces.length];
    this.#used += 1;
    return piece ?? Buffer.alloc(0);
  }
}

/** Runs writes in the background while the next data are prepared. */
export class WritesBehind implements AsyncDisposable {
  readonly #writing: Promise<void>[] = [];

  /** Adds a write that has begun. Resolves when fewer than `MOST` are running. @throws the error of an earlier write */
  async add(write: Promise<void>): Promise<void> {
    // An error is reported when this write's turn comes.
    write.catch(() => undefined);
    this.#writing.push(write);
    if (this.#writing.length === MOST) await this.#writing.shift();
  }

  /** Resolves when all writes have ended. @throws the error of one of them */
  async done(): Promise<void> {
    while (this.#writing.length > 0) await this.#writing.shift();
  }

  /** Waits for running writes, ignoring errors. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#writing);
  }
}

/** Collects data of any size into blocks of whole sectors, and writes several blocks at the same time. */
export class BlockWriter implements AsyncDisposable {
  readonly #write: (offset: number, block: Buffer) => Promise<void>;
  readonly #sectorSize: number;
  /**
   * `MOST` buffers: `WritesBehind.add` resolves when fewer writes are running, so the next buffer is no longer in use.
   */
  readonly #memory: Turns;
  #block: Buffer;
  readonly #writes = new WritesBehind();
  #begun: number;
  #filled = 0;

  /**
   * Creates a writer.
   * @param offset offset of the first block; a multiple of the sector size
   * @param blockBytes size of a block in bytes; rounded up to whole sectors
   */
  constructor(
    write: (offset: number, block: Buffer) => Promise<void>,
    { offset, blockBytes, sectorSize }: { offset: number; blockBytes: number; sectorSize: number },
  ) {
    this.#write = write;
    this.#sectorSize = sectorSize;
    const bytes = Math.ceil(blockBytes / sectorSize) * sectorSize;
    this.#memory = new Turns(allocatePages(MOST, bytes));
    this.#block = this.#memory.next();
    this.#begun = offset;
  }

  /** Offset of the end of all blocks whose writes have begun. */
  get begun(): number {
    return this.#begun;
  }

  /** Adds bytes; the caller may reuse the buffer once this resolves. @throws the error of an earlier write */
  async put(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + this.#block.length - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === this.#block.length) await this.#begin();
    }
  }

  /** Resolves when all writes that have begun have ended. @throws the error of one of them */
  async settle(): Promise<void> {
    await this.#writes.done();
  }

  /** Writes the rest, padded with zeros; resolves when everything is written. @throws the error of a write */
  async end(): Promise<void> {
    if (this.#filled > 0) await this.#begin();
    await this.settle();
  }

  async #begin(): Promise<void> {
    const bytes = Math.ceil(this.#filled / this.#sectorSize) * this.#sectorSize;
    const block = this.#block.fill(0, this.#filled, bytes).subarray(0, bytes);
    const offset = this.#begun;
    this.#begun += bytes;
    this.#filled = 0;
    await this.#writes.add(this.#write(offset, block));
    this.#block = this.#memory.next();
  }

  /** Waits for running writes, ignoring errors. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writes[Symbol.asyncDispose]();
  }
}
