import type { Region } from './block-device.ts';
import { pageMemory } from './page-memory.ts';

/** Reads or writes of a disk that are under way while others are worked on. */
const MOST = 4;

/** Divides a region into ones of so many bytes, the last of which may have fewer. */
export function inPieces({ offset, bytes }: Region, pieceBytes: number): Region[] {
  return Array.from({ length: Math.ceil(Math.max(bytes, 0) / pieceBytes) }, (_, index) => {
    const done = index * pieceBytes;
    return { offset: offset + done, bytes: Math.min(pieceBytes, bytes - done) };
  });
}

/**
 * Reads regions in order; the next ones are read already while one is worked on.
 * @param read gives the bytes of a region; it may read them into the memory that it gets, which has as many
 * @returns what each region has; it stays as it is only until the next one is asked for
 * @throws what `read` throws; the signal's reason
 */
export async function* readAhead(
  read: (offset: number, into: Buffer) => Promise<Buffer>,
  regions: readonly Region[],
  signal?: AbortSignal | undefined,
): AsyncGenerator<{ offset: number; content: Buffer }> {
  const longest = regions.reduce((most, { bytes }) => Math.max(most, bytes), 0);
  const memory = new Turns(pageMemory(MOST + 1, longest));
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
        // It is told when its turn comes.
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

/** Pieces of memory that are used in turn. */
class Turns {
  readonly #pieces: readonly Buffer[];
  #used = 0;

  constructor(pieces: readonly Buffer[]) {
    this.#pieces = pieces;
  }

  /** The piece that was not used for longest. */
  next(): Buffer {
    const piece = this.#pieces[this.#used % this.#pieces.length];
    this.#used += 1;
    return piece ?? Buffer.alloc(0);
  }
}

/** Writes of which some are under way while what comes next is made. */
export class WritesBehind implements AsyncDisposable {
  readonly #writing: Promise<void>[] = [];

  /** Takes a write that has begun. Resolves when fewer than `MOST` are under way. @throws what an earlier one threw */
  async add(write: Promise<void>): Promise<void> {
    // It is told when its turn comes.
    write.catch(() => undefined);
    this.#writing.push(write);
    if (this.#writing.length === MOST) await this.#writing.shift();
  }

  /** Resolves when all have ended. @throws what one of them threw */
  async done(): Promise<void> {
    while (this.#writing.length > 0) await this.#writing.shift();
  }

  /** Waits for those that are under way, whatever comes of them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#writing);
  }
}

/** Writes bytes that come in pieces of any size in blocks of whole sectors, several of which are under way at once. */
export class BlockWriter implements AsyncDisposable {
  readonly #write: (offset: number, block: Buffer) => Promise<void>;
  readonly #sectorSize: number;
  /** Of as many blocks as may be under way, the next one's write has ended. */
  readonly #memory: Turns;
  #block: Buffer;
  readonly #writes = new WritesBehind();
  #begun: number;
  #filled = 0;

  /**
   * @param offset where the first block goes; a multiple of the sector
   * @param blockBytes bytes of a block; rounded up to whole sectors
   */
  constructor(
    write: (offset: number, block: Buffer) => Promise<void>,
    { offset, blockBytes, sectorSize }: { offset: number; blockBytes: number; sectorSize: number },
  ) {
    this.#write = write;
    this.#sectorSize = sectorSize;
    const bytes = Math.ceil(blockBytes / sectorSize) * sectorSize;
    this.#memory = new Turns(pageMemory(MOST, bytes));
    this.#block = this.#memory.next();
    this.#begun = offset;
  }

  /** Where the writes that have begun end. */
  get begun(): number {
    return this.#begun;
  }

  /** Takes bytes, which may change when it has resolved. @throws what an earlier write threw */
  async put(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + this.#block.length - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === this.#block.length) await this.#begin();
    }
  }

  /** Resolves when the writes that have begun have ended. @throws what one of them threw */
  async settle(): Promise<void> {
    await this.#writes.done();
  }

  /** Writes the rest, filled up with zeros, and resolves when all is written. @throws what a write threw */
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

  /** Waits for writes that are under way, whatever comes of them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writes[Symbol.asyncDispose]();
  }
}
