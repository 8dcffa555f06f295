import { open } from 'node:fs/promises';

/** Bytes of the pieces in which it is known what of a disk was written; the grain of a VMDK, and a cluster of a qcow2. */
export const GRAIN_BYTES = 64 * 1024;

/** Most bytes that are read at once, whole grains. */
const PIECE_BYTES = 16 * GRAIN_BYTES;

/** A disk in a file with holes. */
export interface SparseDisk {
  file: string;
  /** Size of the disk, bytes: whole grains. */
  bytes: number;
  /** Numbers of the grains that may hold other than zeros, in rising order; the first of the disk is 0. */
  grains: readonly number[];
}

/** A part of a disk: whole grains. */
export interface DiskPiece {
  /** Where it begins, bytes. */
  offset: number;
  data: Buffer;
}

/**
 * What a disk holds besides zeros, in its order, each piece at most 1 MiB. Holes are not read.
 * @throws if the file cannot be read, or is shorter than it should be
 */
export async function* readPieces(
  { file, grains }: SparseDisk,
  signal?: AbortSignal,
): AsyncGenerator<DiskPiece> {
  await using handle = await open(file, 'r');
  for (const { offset, length } of runsOf(grains)) {
    signal?.throwIfAborted();
    const data = Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length; ) {
      const { bytesRead } = await handle.read(data, done, length - done, offset + done);
      if (bytesRead === 0) throw new Error(`${file} ends at byte ${offset + done}`);
      done += bytesRead;
    }
    yield* withoutZeros({ offset, data });
  }
}

/** Grains that follow each other, as ranges of bytes. */
function* runsOf(grains: readonly number[]): Generator<{ offset: number; length: number }> {
  let [offset, length] = [0, 0];
  for (const grain of grains) {
    const at = grain * GRAIN_BYTES;
    if (length > 0 && (at !== offset + length || length === PIECE_BYTES)) {
      yield { offset, length };
      length = 0;
    }
    if (length === 0) offset = at;
    length += GRAIN_BYTES;
  }
  if (length > 0) yield { offset, length };
}

const ZEROS = Buffer.alloc(GRAIN_BYTES);

/** The parts of a piece between grains of zeros. */
function* withoutZeros({ offset, data }: DiskPiece): Generator<DiskPiece> {
  let from = 0;
  for (let at = 0; at < data.length; at += GRAIN_BYTES) {
    if (!data.subarray(at, at + GRAIN_BYTES).equals(ZEROS)) continue;
    if (at > from) yield { offset: offset + from, data: data.subarray(from, at) };
    from = at + GRAIN_BYTES;
  }
  if (data.length > from) yield { offset: offset + from, data: data.subarray(from) };
}

/** The grains that writes reach. */
export class WrittenGrains {
  readonly #numbers = new Set<number>();

  /** @param offset where a write begins, bytes @param length how long it is, bytes */
  add(offset: number, length: number): void {
    for (let at = Math.floor(offset / GRAIN_BYTES); at * GRAIN_BYTES < offset + length; at += 1) {
      this.#numbers.add(at);
    }
  }

  /** In rising order. */
  list(): number[] {
    return [...this.#numbers].sort((a, b) => a - b);
  }
}
