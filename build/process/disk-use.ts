import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Milliseconds between two measurements. */
const EVERY = 200;

/** Measures the largest disk usage of a folder, until this object is disposed of. */
export class DiskUse implements Disposable {
  readonly #folder: string;
  readonly #timer: NodeJS.Timeout;
  #peak = 0;

  constructor(folder: string) {
    this.#folder = folder;
    this.#timer = setInterval(() => this.#look(), EVERY).unref();
  }

  /** Largest measured disk usage in bytes, without holes of files. */
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

/** Returns the disk usage of a folder in bytes, without files that are removed while it is measured. */
function bytesOf(folder: string): number {
  let bytes = 0;
  for (const name of namesIn(folder)) {
    const path = join(folder, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) bytes += bytesOf(path);
    // stat(2) counts blocks of 512 bytes.
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
