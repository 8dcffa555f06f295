import { Readable } from 'node:stream';
import { constants, createZstdCompress } from 'node:zlib';
import { readPieces, type SparseDisk } from './sparse-disk.ts';

/** zstd(1) level: what an appliance's disk holds is compressed already. */
const LEVEL = 3;

/** Bytes of zeros that one frame stands for, or less at the end of a hole. */
const HOLE_BYTES = 64 * 1024 * 1024;

const ZEROS = Buffer.alloc(1024 * 1024);

/**
 * A disk as zstd(1) compresses it: frames behind each other (RFC 8878, 3.1), those of holes made once and not read.
 * The same disk gives the same bytes. `zstd -d --sparse` makes it the disk again.
 * @returns the file in pieces, front to back
 * @throws what reading the disk throws
 */
export async function* zstdStream(disk: SparseDisk, signal?: AbortSignal): AsyncGenerator<Buffer> {
  const hole = await frameOf(zeros(HOLE_BYTES));
  async function* skip(bytes: number) {
    for (let n = 0; n < Math.floor(bytes / HOLE_BYTES); n += 1) yield hole;
    const rest = bytes % HOLE_BYTES;
    if (rest > 0) yield await frameOf(zeros(rest));
  }
  const pieces = readPieces(disk, signal);
  let at = 0;
  let piece = (await pieces.next()).value;
  /** The content up to the next hole; afterwards `piece` is what follows that. */
  async function* untilHole() {
    while (piece?.offset === at) {
      yield piece.data;
      at += piece.data.length;
      piece = (await pieces.next()).value;
    }
  }
  try {
    while (piece !== undefined) {
      yield* skip(piece.offset - at);
      at = piece.offset;
      yield* frame(untilHole());
    }
    yield* skip(disk.bytes - at);
  } finally {
    // Whoever writes may stop in between, and the disk's file is open.
    await pieces.return(undefined);
  }
}

function* zeros(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, left);
}

async function frameOf(content: Iterable<Buffer>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(frame(content)));
}

/** One frame, with a checksum. */
async function* frame(content: Iterable<Buffer> | AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const params = { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 };
  const compressed = Readable.from(content).compose(createZstdCompress({ params }));
  for await (const chunk of compressed) yield chunk;
}
