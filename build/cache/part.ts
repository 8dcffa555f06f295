import { rename } from 'node:fs/promises';
import { BlobWriter } from './blob-writer.ts';
import type { CacheDirectory } from './directory.ts';
import { makePartPath, makeTemporaryPath, renameIfThere } from './temporary.ts';

/**
 * Takes over the part of a download that an earlier run left, or creates a new file. The part is renamed to a name of
 * this process, so that if two processes want the same part, one resumes it and the other starts from the beginning.
 */
export async function takePart(directory: CacheDirectory, sha256: string): Promise<BlobWriter> {
  const own = await makeTemporaryPath(directory, `${sha256}.part`);
  const resumed = await renameIfThere(makePartPath(directory, sha256), own);
  return resumed ? BlobWriter.resume(own) : BlobWriter.create(own);
}

/** Leaves a partial download for the next run to resume; an empty file is removed. */
export async function leavePart(
  directory: CacheDirectory,
  sha256: string,
  part: BlobWriter,
): Promise<void> {
  if (part.length === 0) return part.discard();
  await part.close();
  await rename(part.path, makePartPath(directory, sha256));
}
