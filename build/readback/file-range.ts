import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { unreadable } from './verdict.ts';

/** What an image is read from. */
export interface ImageBytes {
  readonly size: number;
  /** @throws BuildError if it has not so many bytes there */
  read(offset: number, length: number): Buffer;
}

/** A file that is open for reading, or a part of one, as an image of its own. */
export class FileRange implements ImageBytes, Disposable {
  /** Bytes. */
  readonly size: number;
  readonly #descriptor: number;
  readonly #start: number;
  readonly #where: string;

  private constructor(descriptor: number, start: number, size: number, where: string) {
    this.#descriptor = descriptor;
    this.#start = start;
    this.size = size;
    this.#where = where;
  }

  /** Opens a file whole; disposing of it closes it, and all parts with it. @throws if it cannot be opened */
  static open(file: string): FileRange {
    const descriptor = openSync(file, 'r');
    return new FileRange(descriptor, 0, fstatSync(descriptor).size, file);
  }

  /** @throws BuildError if it has not so many bytes there */
  read(offset: number, length: number): Buffer {
    // Before memory is taken for it: a length may be anything.
    this.#assertInside(offset, length);
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length; ) {
      const at = this.#start + offset + done;
      const got = readSync(this.#descriptor, bytes, done, length - done, at);
      if (got === 0) throw unreadable('it ends too early', this.#where);
      done += got;
    }
    return bytes;
  }

  /** A part of it. @throws BuildError if it has not so many bytes there */
  part(offset: number, size: number): FileRange {
    this.#assertInside(offset, size);
    return new FileRange(this.#descriptor, this.#start + offset, size, this.#where);
  }

  /** All of it, in pieces of at most 1 MiB. */
  *pieces(): Generator<Buffer> {
    for (let at = 0; at < this.size; at += PIECE)
      yield this.read(at, Math.min(PIECE, this.size - at));
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }

  #assertInside(offset: number, length: number): void {
    const whole = [offset, length].every((number) => Number.isSafeInteger(number) && number >= 0);
    if (!whole || offset + length > this.size) throw unreadable('it ends too early', this.#where);
  }
}

const PIECE = 1024 * 1024;
