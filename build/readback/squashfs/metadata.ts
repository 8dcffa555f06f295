import { Cursor } from '../cursor.ts';
import { unreadable } from '../verdict.ts';
import type { Decompress } from './decompress.ts';

/** Uncompressed size of a metadata block in bytes; only the last block of a table may be smaller. */
const BLOCK = 8192;
const UNCOMPRESSED = 0x8000;

/** Tables larger than this many bytes count as damaged. */
const LARGEST_TABLE = 512 * 1024 * 1024;

/** Reads bytes of an image. */
export type ReadAt = (offset: number, length: number) => Buffer;

/** Input for reading metadata. */
export interface Source {
  read: ReadAt;
  decompress: Decompress;
  /** The image, for messages. */
  where: string;
}

/** Consecutive metadata blocks, decompressed. */
export class Metadata {
  readonly #bytes: Buffer;
  /** Position of a stored block relative to the first → position of its bytes in `#bytes`. */
  readonly #starts: ReadonlyMap<number, number>;
  readonly #where: string;

  private constructor(bytes: Buffer, starts: ReadonlyMap<number, number>, where: string) {
    this.#bytes = bytes;
    this.#starts = starts;
    this.#where = where;
  }

  /**
   * Reads the metadata blocks in bytes `[from, to)` of an image.
   * @throws BuildError if they do not exactly fill this range, or cannot be decompressed
   */
  static async read(source: Source, from: number, to: number): Promise<Metadata> {
    const { where } = source;
    if (to < from || to - from > LARGEST_TABLE) throw unreadable('a table has no place', where);
    const cursor = new Cursor(source.read(from, to - from), 0, where);
    const stored: { at: number; bytes: Buffer; compressed: boolean }[] = [];
    while (cursor.at < to - from) {
      const at = cursor.at;
      const header = cursor.u16();
      const compressed = (header & UNCOMPRESSED) === 0;
      stored.push({ at, compressed, bytes: cursor.take(header & (UNCOMPRESSED - 1)) });
    }
    const packed = stored.filter(({ compressed }) => compressed).map(({ bytes }) => bytes);
    const unpacked = (await source.decompress(packed, BLOCK)).values();
    const blocks = stored.map(({ bytes, compressed }) =>
      compressed ? (unpacked.next().value ?? bytes) : bytes,
    );
    const whole = blocks.every(({ length }, index) =>
      index < blocks.length - 1 ? length === BLOCK : length > 0 && length <= BLOCK,
    );
    if (!whole) throw unreadable('a metadata block has the wrong size', where);
    const starts = new Map(stored.map(({ at }, index) => [at, index * BLOCK]));
    return new Metadata(Buffer.concat(blocks), starts, where);
  }

  /** Total size of the decompressed blocks in bytes. */
  get size(): number {
    return this.#bytes.length;
  }

  /**
   * Returns a cursor at a position; it reads across block boundaries.
   * @param block position of the stored block relative to the first
   * @param offset offset in the decompressed block
   */
  from(block: number, offset: number): Cursor {
    const start = this.#starts.get(block);
    if (start === undefined || offset > BLOCK) {
      throw unreadable('a reference names no metadata block', this.#where);
    }
    return new Cursor(this.#bytes, start + offset, this.#where);
  }
}

/**
 * Reads a table that has a list of the positions of its metadata blocks.
 * @param list position of the list
 * @param size size of the table in bytes
 * @param end position after the last metadata block; that of the list if absent
 * @returns the table, which may be empty, and the position of its first block
 * @throws BuildError if the table is too large, or its size or its list of positions is wrong
 */
export async function readTable(
  source: Source,
  list: number,
  size: number,
  end = list,
): Promise<{ start: number; table: Cursor }> {
  if (size === 0) return { start: list, table: new Cursor(Buffer.alloc(0), 0, source.where) };
  if (size > LARGEST_TABLE) throw unreadable('a table is too large', source.where);
  const count = Math.ceil(size / BLOCK);
  const places = new Cursor(source.read(list, count * 8), 0, source.where);
  const start = places.u64();
  const metadata = await Metadata.read(source, start, end);
  // The kernel looks up blocks in this list.
  for (let index = 1; index < count; index += 1) {
    if (metadata.from(places.u64() - start, 0).at !== index * BLOCK) {
      throw unreadable('the list of a table is wrong', source.where);
    }
  }
  if (metadata.size !== size) throw unreadable('a table has the wrong size', source.where);
  return { start, table: metadata.from(0, 0) };
}
