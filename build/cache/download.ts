import type { Blob } from './blob-store.ts';
import type { BlobWriter } from './blob-writer.ts';
import { diskError } from './disk-error.ts';
import { cancelled } from './download-error.ts';
import { leavePart, takePart } from './part.ts';
import { type DownloadContext, receive } from './receive.ts';

/** A file to download. */
export interface Download extends Blob {
  /** For messages: `package libc6 2.36-9`. */
  readonly name: string;
  /** Addresses that have it, best first. */
  readonly urls: readonly string[];
}

/**
 * Downloads a file into the store: from the first address that gives it, going on where an earlier try stopped.
 * Its hash and size are checked before it gets its name; bytes that turn out wrong are deleted.
 * @returns its path
 * @throws PackageGone if every address answered that it does not have it
 * @throws BuildError naming the address if it gives something else, cannot be reached, or the disk is full
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
    throw diskError(error, directory.root);
  }
}

/** Whether an earlier run left the file complete; what cannot be its beginning is thrown away. */
async function isComplete(part: BlobWriter, item: Blob): Promise<boolean> {
  if (part.length < item.size) return false;
  if (part.length === item.size && part.digest() === item.sha256) return true;
  await part.restart();
  return false;
}
