import { Readable } from 'node:stream';
import { constants, createZstdCompress } from 'node:zlib';
import { readPieces, type SparseDisk } from './sparse-disk.ts';

/** zstd(1) level: the contents of an appliance's disk are already compressed. */
const LEVEL = 3;

/** Number of zeros in a frame of a hole; the last frame of a hole may have fewer. */
const HOLE_BYTES = 64 * 1024 * 1024;

const ZEROS = Buffer.alloc(1024 * 1024);

/**
 * Compresses a disk to the format of zstd(1): a sequence of frames (RFC 8878, 3.1). Holes are not read; a frame of
 * `HOLE_BYTES` zeros is made only once. The same disk gives the same bytes. `zstd -d --sparse` restores the disk.
 * @returns the file in pieces, front to back
 * @throws errors of reading the disk
 */
export async function* compressDisk(
  disk: SparseDisk,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const hole = await frameOf(zeros(HOLE_BYTES));
  async function* skip(bytes: number) {
    for (let n = 0; n < Math.floor(bytes / HOLE_BYTES); n += 1) yield hole;
    const rest = bytes % HOLE_BYTES;
    if (rest > 0) yield await frameOf(zeros(rest));
  }
  const pieces = readPieces(disk, signal);
  let at = 0;
  let piece = (await pieces.next()).value;
  /** Yields the content up to the next hole; afterwards `piece` is the first piece after the hole. */
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
    // The consumer may stop early; this closes the disk's file.
    await pieces.return(undefined);
  }
}

function* zeros(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, left);
}

async function frameOf(content: Iterable<Buffer>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(frame(content)));
}

/** Compresses content to one frame with a checksum. */
async function* frame(content: Iterable<Buffer> | AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const params = { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 };
  const compressed = Readable.from(content).compose(createZstdCompress({ params }));
  for await (const chunk of compressed) yield chunk;
}
