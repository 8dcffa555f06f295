import { open } from 'node:fs/promises';

/** Unit in which written parts of a disk are tracked, in bytes: the grain of a VMDK, and a cluster of a qcow2. */
export const GRAIN_BYTES = 64 * 1024;

/** Maximum number of bytes per read: a multiple of the grain. */
const PIECE_BYTES = 16 * GRAIN_BYTES;

/** A disk image in a sparse file. */
export interface SparseDisk {
  file: string;
  /** Size of the disk in bytes: a multiple of the grain. */
  bytes: number;
  /** Ascending numbers of the grains that may contain anything but zeros; the first grain of the disk is 0. */
  grains: readonly number[];
}

/** A part of a disk; offset and length are multiples of the grain. */
export interface DiskPiece {
  /** Offset in bytes. */
  offset: number;
  data: Buffer;
}

/**
 * Reads all parts of a disk that are not zero, in order, in pieces of at most 1 MiB. Holes are not read.
 * @throws if the file cannot be read, or is shorter than expected
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

/** Joins consecutive grains to byte ranges. */
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

/** Splits a piece at grains of zeros, and drops these. */
function* withoutZeros({ offset, data }: DiskPiece): Generator<DiskPiece> {
  let from = 0;
  for (let at = 0; at < data.length; at += GRAIN_BYTES) {
    if (!data.subarray(at, at + GRAIN_BYTES).equals(ZEROS)) continue;
    if (at > from) yield { offset: offset + from, data: data.subarray(from, at) };
    from = at + GRAIN_BYTES;
  }
  if (data.length > from) yield { offset: offset + from, data: data.subarray(from) };
}

/** Tracks the grains that have been written to. */
export class WrittenGrains {
  readonly #numbers = new Set<number>();

  /** @param offset offset of a write in bytes @param length its length in bytes */
  add(offset: number, length: number): void {
    for (let at = Math.floor(offset / GRAIN_BYTES); at * GRAIN_BYTES < offset + length; at += 1) {
      this.#numbers.add(at);
    }
  }

  /** Lists the grains in ascending order. */
  list(): number[] {
    return [...this.#numbers].sort((a, b) => a - b);
  }
}
