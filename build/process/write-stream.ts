import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { BuildError } from '../error.ts';
import { errorCode } from './errno.ts';

/** A file that was written. */
export interface WrittenFile {
  /** Bytes. */
  size: number;
  /** Hex. */
  sha256: string;
}

/**
 * Writes a stream to the end of one or several files, as fast as the slowest takes it.
 * @param files which are open for writing
 * @param chunks are handed to all at once, and may be used again when the next one is asked for
 * @returns size and SHA-256 of the stream
 * @throws BuildError if the disk is full; what the stream throws
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

/** Writes a stream into a new file, as `appendStream` does. */
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
