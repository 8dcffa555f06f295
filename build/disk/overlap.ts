/** Reads or writes of a disk that are under way while others are worked on. */
const MOST = 3;

/**
 * Reads a range in order, piece by piece; the next ones are read already while one is worked on.
 * @param read gives a piece: where it begins and its length, bytes, as the other arguments count
 * @param pieceBytes bytes of a piece; the last one may be shorter
 * @throws what `read` throws; the signal's reason
 */
export async function* readAhead(
  read: (offset: number, length: number) => Promise<Buffer>,
  {
    offset,
    bytes,
    pieceBytes,
    signal,
  }: { offset: number; bytes: number; pieceBytes: number; signal?: AbortSignal | undefined },
): AsyncGenerator<Buffer> {
  const end = offset + bytes;
  const reading: Promise<Buffer>[] = [];
  let next = offset;
  try {
    for (;;) {
      signal?.throwIfAborted();
      while (next < end && reading.length < MOST) {
        const length = Math.min(pieceBytes, end - next);
        const piece = read(next, length);
        // It is told when its turn comes.
        piece.catch(() => undefined);
        reading.push(piece);
        next += length;
      }
      const first = reading.shift();
      if (first === undefined) return;
      yield await first;
    }
  } finally {
    await Promise.allSettled(reading);
  }
}

/** Writes of which some are under way while what comes next is made. */
export class WritesBehind implements AsyncDisposable {
  readonly #writing: Promise<void>[] = [];

  /** Takes a write that has begun. Resolves when another one may begin. @throws what an earlier one threw */
  async add(write: Promise<void>): Promise<void> {
    // It is told when its turn comes.
    write.catch(() => undefined);
    this.#writing.push(write);
    if (this.#writing.length >= MOST) await this.#writing.shift();
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

/**
 * Pieces as blocks of whole sectors.
 * @param least bytes of a block; only the last one may have fewer, and is filled up with zeros
 */
export async function* inSectors(
  pieces: AsyncIterable<Uint8Array>,
  { least, sectorSize }: { least: number; sectorSize: number },
): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
    held.push(piece);
    length += piece.length;
    if (length < least) continue;
    const all = held.length === 1 ? piece : Buffer.concat(held);
    const whole = all.length - (all.length % sectorSize);
    yield all.subarray(0, whole);
    held = whole === all.length ? [] : [all.subarray(whole)];
    length = all.length - whole;
  }
  if (length > 0) yield Buffer.concat(held, Math.ceil(length / sectorSize) * sectorSize);
}
