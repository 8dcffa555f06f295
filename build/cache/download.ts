import type { Blob } from './blob-store.ts';
import type { BlobWriter } from './blob-writer.ts';
import { explainDiskError } from './disk-error.ts';
import { cancelled } from './download-error.ts';
import { leavePart, takePart } from './part.ts';
import { type DownloadContext, receive } from './receive.ts';

/** A file to download. */
export interface Download extends Blob {
  /** Name for messages: `package libc6 2.36-9`. */
  readonly name: string;
  /** Its addresses, best first. */
  readonly urls: readonly string[];
}

/**
 * Downloads a file into the store, from the first address that provides it, continuing an earlier attempt. Hash and
 * size are checked before it gets its name; wrong bytes are deleted.
 * @returns its path
 * @throws PackageGone if every address answers that it does not have it
 * @throws BuildError naming the address if the address provides something else or cannot be reached; or if the disk is
 *   full
 */
export async function download(item: Download, context: DownloadContext): Promise<string> {
  const { directory } = context.store;
  try {
    const part = await takePart(directory, item.sha256);
    try {
      if (!(await isComplete(part, item))) {
        await receive(part, item, context);
      }
      return await context.store.adopt(part, item);
    } catch (error) {
      await leavePart(directory, item.sha256, part);
      throw error;
    }
  } catch (error) {
    if (context.signal?.aborted === true) throw cancelled(item, error);
    throw explainDiskError(error, directory.root);
  }
}

/** Whether an earlier attempt left the complete file; discards a file that cannot be its beginning. */
async function isComplete(part: BlobWriter, item: Blob): Promise<boolean> {
  if (part.length < item.size) return false;
  if (part.length === item.size && part.digest() === item.sha256) return true;
  await part.restart();
  return false;
}
