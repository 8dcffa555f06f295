import type { Blob } from './blob-store.ts';
import { BlobWriter } from './blob-writer.ts';
import { diskError } from './disk-error.ts';
import { backOff, type DownloadContext } from './download.ts';
import { cancelled, downloadError } from './download-error.ts';
import { temporaryPath } from './temporary.ts';
import { TransferFailure } from './transfer-failure.ts';

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

/** Tries without progress between them after which a download is given up. */
const MOST_TRIES = 5;

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
    await fill(writer, item, context);
    await item.check(writer.path);
    const blob = { sha256: writer.digest(), size: writer.length };
    return { ...blob, file: await store.adopt(writer, blob) };
  } catch (error) {
    await writer.discard();
    if (signal?.aborted === true) throw cancelled(item, error);
    throw diskError(error, store.directory.root);
  }
}

async function fill(
  writer: BlobWriter,
  item: UnpinnedDownload,
  context: DownloadContext,
): Promise<void> {
  const { pause = backOff, signal } = context;
  for (let fruitless = 1; ; fruitless += 1) {
    const before = writer.length;
    const failure = await attempt(writer, item, context);
    if (failure === undefined) return;
    if (writer.length > before) fruitless = 1;
    if (failure.kind !== 'interrupted' || fruitless >= MOST_TRIES) {
      const { name, url } = item;
      throw downloadError({ name, urls: [url] }, new Map([[url, failure]]));
    }
    await pause(fruitless, failure.retryAfter ?? 0, signal);
  }
}

/** Tries once. @returns why it failed, or `undefined` if the file is complete */
async function attempt(
  writer: BlobWriter,
  { url, size, most }: UnpinnedDownload,
  { transport, signal, onBytes }: DownloadContext,
): Promise<TransferFailure | undefined> {
  try {
    const body = await transport.open(url, { from: writer.length, size, signal });
    if (body.start === 0 && writer.length > 0) await writer.restart();
    for await (const chunk of body.bytes) {
      if (writer.length + chunk.length > (size ?? most)) {
        return new TransferFailure('altered', `it has more than ${size ?? most} bytes`);
      }
      await writer.append(chunk);
      onBytes?.(writer.length);
    }
    if (size === undefined || writer.length === size) return undefined;
    return new TransferFailure('interrupted', `ended after ${writer.length} of ${size} bytes`);
  } catch (error) {
    if (error instanceof TransferFailure && signal?.aborted !== true) return error;
    throw error;
  }
}
