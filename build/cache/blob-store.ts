import { statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** What a downloaded file is known by. */
export interface Blob {
  /** SHA-256 in hex. */
  sha256: string;
  /** Bytes. */
  size: number;
}

/**
 * Downloaded files by their SHA-256. A file is checked when it comes in and appears by rename; afterwards its
 * size is checked at each use, and its hash whenever it is opened as a package for the first time.
 */
export class BlobStore {
  readonly #directory: string;

  constructor(cacheDirectory: string) {
    this.#directory = join(cacheDirectory, 'blobs', 'sha256');
  }

  /** Where the file is, or will be. */
  path({ sha256 }: Blob): string {
    return join(this.#directory, sha256.slice(0, 2), sha256);
  }

  /** A name in the same file system for a download that goes on over several runs. */
  partialPath({ sha256 }: Blob): string {
    return join(this.#directory, 'partial', sha256);
  }

  has(blob: Blob): boolean {
    return statSync(this.path(blob), { throwIfNoEntry: false })?.size === blob.size;
  }

  /** Takes in a file whose hash was checked. */
  async adopt(file: string, blob: Blob): Promise<string> {
    const path = this.path(blob);
    await mkdir(dirname(path), { recursive: true });
    await rename(file, path);
    return path;
  }

  /** Forgets a file that turned out to be damaged. */
  async remove(blob: Blob): Promise<void> {
    await rm(this.path(blob), { force: true });
  }
}
