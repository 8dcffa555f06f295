import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Size and hash of a file's content. */
export interface ContentDigest {
  /** In bytes. */
  size: number;
  /** In hex. */
  sha256: string;
}

/**
 * Hashes a file, reading it in small blocks.
 * @throws if it cannot be read, or the signal is aborted
 */
export async function computeDigest(file: string, signal?: AbortSignal): Promise<ContentDigest> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
    signal?.throwIfAborted();
    hash.update(chunk);
    size += chunk.length;
  }
  return { size, sha256: hash.digest('hex') };
}

/**
 * Writes a text under a hidden temporary name, syncs and renames it: the file exists completely or not at all, and an
 * unfinished file after a power cut does not look like a file of a release. Creates the folder of the file.
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = join(dirname(path), `.${basename(path)}.new`);
  try {
    const file = await open(temporary, 'w', 0o644);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Returns the error code of a failed system call; empty for other errors. */
export function getErrorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
