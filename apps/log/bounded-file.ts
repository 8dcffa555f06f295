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

/** Maximum size of a file in bytes, if the caller sets no other. */
const LIMIT = 1024 * 1024;

/**
 * A file of lines that never grows beyond its limit: a full file is renamed to `NAME.1`, replacing the previous one,
 * and a new file begins. Lines are written at once, so that a crash loses none; they are not synced, because logs are
 * in memory.
 */
export class BoundedFile implements Disposable {
  readonly #path: string;
  readonly #limit: number;
  #descriptor: number;
  #size: number;

  /** Opens the file to append to it, and creates its folder if necessary. @throws system errors */
  constructor(path: string, limit = LIMIT) {
    this.#path = path;
    this.#limit = limit;
    mkdirSync(dirname(path), { recursive: true });
    this.#descriptor = openSync(path, 'a', 0o640);
    this.#size = fstatSync(this.#descriptor).size;
  }

  /** Appends a line and a line feed. @throws system errors */
  writeLine(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    if (this.#size > 0 && this.#size + bytes.length > this.#limit) this.#turn();
    this.#size += writeSync(this.#descriptor, bytes);
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }

  #turn(): void {
    // The file may have been removed.
    if (existsSync(this.#path)) renameSync(this.#path, `${this.#path}.1`);
    const descriptor = openSync(this.#path, 'a', 0o640);
    closeSync(this.#descriptor);
    this.#descriptor = descriptor;
    this.#size = 0;
  }
}
