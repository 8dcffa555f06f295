import type { Blob } from './blob-store.ts';
import { BlobWriter } from './blob-writer.ts';
import { explainDiskError } from './disk-error.ts';
import { cancelled } from './download-error.ts';
import { type DownloadContext, receive } from './receive.ts';
import { makeTemporaryPath } from './temporary.ts';

/** A file to download whose hash is unknown. */
export interface UnpinnedDownload {
  /** Name for messages: `index of http://…/main`. */
  readonly name: string;
  readonly url: string;
  /** Expected size in bytes, if known. */
  readonly size?: number | undefined;
  /** Maximum number of bytes it may have. */
  readonly most: number;
  /**
   * Checks the file before it is stored.
   * @param file its temporary path
   * @throws BuildError if it is not the right one
   */
  readonly check: (file: string) => Promise<void>;
}

/** A downloaded file: its path in the store, and its identity. */
export interface Downloaded extends Blob {
  readonly file: string;
}

/**
 * Downloads a file into the store without knowing its hash; the caller's `check` decides whether it is the right one.
 * @throws BuildError if it is the wrong file, too large, unavailable, or the disk is full; nothing is stored then
 */
export async function downloadUnpinned(
  item: UnpinnedDownload,
  context: DownloadContext,
): Promise<Downloaded> {
  const { store, signal } = context;
  const writer = await BlobWriter.create(await makeTemporaryPath(store.directory, 'unpinned'));
  try {
    await receive(writer, { ...item, urls: [item.url] }, context);
    await item.check(writer.path);
    const blob = { sha256: writer.digest(), size: writer.length };
    return { ...blob, file: await store.adopt(writer, blob) };
  } catch (error) {
    await writer.discard();
    if (signal?.aborted === true) throw cancelled(item, error);
    throw explainDiskError(error, store.directory.root);
  }
}
