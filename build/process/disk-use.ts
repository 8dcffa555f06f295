import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Milliseconds between two looks. */
const EVERY = 200;

/** Says how much a folder has of a disk at most, until it is disposed of. */
export class DiskUse implements Disposable {
  readonly #folder: string;
  readonly #timer: NodeJS.Timeout;
  #peak = 0;

  constructor(folder: string) {
    this.#folder = folder;
    this.#timer = setInterval(() => this.#look(), EVERY).unref();
  }

  /** Bytes on the disk that it had at most when it was looked at, holes of files not counted. */
  get peak(): number {
    this.#look();
    return this.#peak;
  }

  #look(): void {
    this.#peak = Math.max(this.#peak, bytesOf(this.#folder));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** What is gone meanwhile counts nothing. */
function bytesOf(folder: string): number {
  let bytes = 0;
  for (const name of namesIn(folder)) {
    const path = join(folder, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) bytes += bytesOf(path);
    // stat(2) counts in blocks of 512 bytes.
    else bytes += (stat?.blocks ?? 0) * 512;
  }
  return bytes;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
