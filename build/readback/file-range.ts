import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { unreadable } from './verdict.ts';

/** Source of an image's bytes. */
export interface ImageBytes {
  readonly size: number;
  /** @throws BuildError if these bytes do not exist */
  read(offset: number, length: number): Buffer;
}

/** An open file, or a part of one that is treated as an image. */
export class FileRange implements ImageBytes, Disposable {
  /** Size in bytes. */
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

  /** Opens a whole file. Disposing of the result closes the file, also for its parts. @throws if it cannot be opened */
  static open(file: string): FileRange {
    const descriptor = openSync(file, 'r');
    return new FileRange(descriptor, 0, fstatSync(descriptor).size, file);
  }

  /** @throws BuildError if these bytes do not exist */
  read(offset: number, length: number): Buffer {
    // The range is checked before memory is allocated, because the length may be wrong.
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

  /** Returns a part of this range. @throws BuildError if these bytes do not exist */
  part(offset: number, size: number): FileRange {
    this.#assertInside(offset, size);
    return new FileRange(this.#descriptor, this.#start + offset, size, this.#where);
  }

  /** Yields its content in chunks of at most 1 MiB. */
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
