import { rename } from 'node:fs/promises';
import { BlobWriter } from './blob-writer.ts';
import type { CacheDirectory } from './directory.ts';
import { partPath, renameIfThere, temporaryPath } from './temporary.ts';

/**
 * Takes the beginning of a download that an earlier run left, or starts a new file.
 * Taking is a rename to a name of this process's own, so of two processes one resumes and the other starts anew.
 */
export async function takePart(directory: CacheDirectory, sha256: string): Promise<BlobWriter> {
  const own = await temporaryPath(directory, `${sha256}.part`);
  const resumed = await renameIfThere(partPath(directory, sha256), own);
  return resumed ? BlobWriter.resume(own) : BlobWriter.create(own);
}

/** Leaves what has arrived for the next run to resume; nothing is kept of an empty file. */
export async function leavePart(
  directory: CacheDirectory,
  sha256: string,
  part: BlobWriter,
): Promise<void> {
  if (part.length === 0) return part.discard();
  await part.close();
  await rename(part.path, partPath(directory, sha256));
}
