import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** Bytes of a generation, if the caller does not say. */
const LIMIT = 1024 * 1024;

/**
 * A file for lines that never grows beyond its limit: then it becomes `NAME.1`, in the place of the one before, and a
 * new one begins. Written at once, so that a crash loses no line; not synced, for logs live in memory.
 */
export class BoundedFile implements Disposable {
  readonly #path: string;
  readonly #limit: number;
  #descriptor: number;
  #size: number;

  /** Opens the file to go on with it, and makes its folder if need be. @throws Error of the system */
  constructor(path: string, limit = LIMIT) {
    this.#path = path;
    this.#limit = limit;
    mkdirSync(dirname(path), { recursive: true });
    this.#descriptor = openSync(path, 'a', 0o640);
    this.#size = fstatSync(this.#descriptor).size;
  }

  /** Adds a line; the line feed is added here. @throws Error of the system */
  writeLine(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    if (this.#size > 0 && this.#size + bytes.length > this.#limit) this.#turn();
    this.#size += writeSync(this.#descriptor, bytes);
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }

  #turn(): void {
    // Someone may have removed it.
    if (existsSync(this.#path)) renameSync(this.#path, `${this.#path}.1`);
    const descriptor = openSync(this.#path, 'a', 0o640);
    closeSync(this.#descriptor);
    this.#descriptor = descriptor;
    this.#size = 0;
  }
}
