import { unreadable } from './verdict.ts';

/** Reads consecutive little-endian numbers and bytes; refuses to read past the end. */
export class Cursor {
  readonly #bytes: Buffer;
  readonly #where: string;
  #at: number;

  /**
   * Creates a cursor.
   * @param at start position
   * @param where the image, for messages
   * @throws BuildError if `at` is outside `bytes`
   */
  constructor(bytes: Buffer, at: number, where: string) {
    this.#bytes = bytes;
    this.#where = where;
    this.#at = at;
    if (!Number.isSafeInteger(at) || at < 0 || at > bytes.length) this.#past();
  }

  /** Current position. */
  get at(): number {
    return this.#at;
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#skip(1));
  }

  u16(): number {
    return this.#bytes.readUInt16LE(this.#skip(2));
  }

  i16(): number {
    return this.#bytes.readInt16LE(this.#skip(2));
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#skip(4));
  }

  /** @throws BuildError if the number exceeds 2^53, which no size or offset of an image does */
  u64(): number {
    const value = this.#bytes.readBigUInt64LE(this.#skip(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER))
      throw unreadable('a number is too large', this.#where);
    return Number(value);
  }

  /** Returns the next bytes without copying them. */
  take(count: number): Buffer {
    const from = this.#skip(count);
    return this.#bytes.subarray(from, from + count);
  }

  /** Returns the next bytes as text. @throws BuildError if they are not UTF-8 */
  text(count: number): string {
    const bytes = this.take(count);
    const text = bytes.toString('utf8');
    if (text.includes('\ufffd') && !Buffer.from(text).equals(bytes)) {
      throw unreadable(`the name ${JSON.stringify(text)} is not UTF-8`, this.#where);
    }
    return text;
  }

  #skip(count: number): number {
    const from = this.#at;
    if (count > this.#bytes.length - from) this.#past();
    this.#at = from + count;
    return from;
  }

  #past(): never {
    throw unreadable('it ends too early, or points outside of itself', this.#where);
  }
}
