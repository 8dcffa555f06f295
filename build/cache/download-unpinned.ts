import type { Blob } from './blob-store.ts';
import { BlobWriter } from './blob-writer.ts';
import { diskError } from './disk-error.ts';
import { cancelled } from './download-error.ts';
import { type DownloadContext, receive } from './receive.ts';
import { temporaryPath } from './temporary.ts';

/** A file to download whose hash nobody knows yet. */
export interface UnpinnedDownload {
  /** For messages: `index of http://…/main`. */
  readonly name: string;
  readonly url: string;
  /** Bytes it must have, if anyone knows. */
  readonly size?: number | undefined;
  /** Most bytes it may have. */
  readonly most: number;
  /**
   * Decides, before the file is kept, whether it is the right one.
   * @param file where it is meanwhile
   * @throws BuildError if it is not
   */
  readonly check: (file: string) => Promise<void>;
}

/** A file that was downloaded: where it is in the store, and what identifies it from now on. */
export interface Downloaded extends Blob {
  readonly file: string;
}

/**
 * Downloads a file into the store without knowing its hash: whoever asks decides by the file itself.
 * @throws BuildError if it is not the right one, too large, cannot be had, or the disk is full; nothing is kept then
 */
export async function downloadUnpinned(
  item: UnpinnedDownload,
  context: DownloadContext,
): Promise<Downloaded> {
  const { store, signal } = context;
  const writer = await BlobWriter.create(await temporaryPath(store.directory, 'unpinned'));
  try {
    await receive(writer, { ...item, urls: [item.url] }, context);
    await item.check(writer.path);
    const blob = { sha256: writer.digest(), size: writer.length };
    return { ...blob, file: await store.adopt(writer, blob) };
  } catch (error) {
    await writer.discard();
    if (signal?.aborted === true) throw cancelled(item, error);
    throw diskError(error, store.directory.root);
  }
}
