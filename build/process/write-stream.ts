import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { BuildError } from '../error.ts';
import { errorCode } from './errno.ts';

/** Size and hash of a written file. */
export interface WrittenFile {
  /** In bytes. */
  size: number;
  /** In hex. */
  sha256: string;
}

/**
 * Appends a stream to one or several files, no faster than the slowest.
 * @param files files open for writing
 * @param chunks the data; a chunk's buffer may be reused when the next one is requested
 * @returns size and SHA-256 of the stream
 * @throws BuildError if the disk is full; errors of the stream
 */
export async function appendStream(
  files: readonly FileHandle[],
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<WrittenFile> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of chunks) {
    const writing = files.map((file) => appendAll(file, chunk));
    hash.update(chunk);
    size += chunk.length;
    await Promise.all(writing);
  }
  return { size, sha256: hash.digest('hex') };
}

/** Writes a stream to a new file; see `appendStream`. */
export async function writeStream(
  file: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<WrittenFile> {
  await using handle = await open(file, 'w');
  return await appendStream([handle], chunks);
}

async function appendAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  try {
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await file.write(chunk, done, chunk.length - done, null);
      done += bytesWritten;
    }
  } catch (cause) {
    if (!['ENOSPC', 'EDQUOT'].includes(errorCode(cause) ?? '')) throw cause;
    throw new BuildError({
      what: 'the disk is full',
      fix: 'Free space where it is written (--output), or write fewer formats (--format).',
      cause,
    });
  }
}
