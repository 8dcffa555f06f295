import { randomUUID } from 'node:crypto';
import { rename } from 'node:fs/promises';
import pLimit from 'p-limit';
import { isErrno } from '../process/errno.ts';
import type { BlobStore } from './blob-store.ts';
import { type Download, download, GoneError } from './download.ts';

/** Downloads under way at once. */
const CONCURRENCY = 8;

/** How a fetch of several files ended. */
export interface Fetched<T> {
  /** Files that had to be downloaded. */
  downloaded: number;
  /** Files that no address has. */
  gone: T[];
}

/**
 * Sees to it that files are in the store, downloading in parallel what is not.
 * @param options `onBytes` is called with the bytes that are there and the bytes of all files
 * @throws BuildError on the first file that cannot be had; a file that is gone everywhere is no error
 */
export async function fetchAll<T extends Download>(
  files: readonly T[],
  store: BlobStore,
  {
    signal,
    onBytes,
  }: { signal?: AbortSignal | undefined; onBytes?: (done: number, total: number) => void },
): Promise<Fetched<T>> {
  const wanted = [...new Map(files.map((file) => [file.sha256, file])).values()];
  const missing = wanted.filter((file) => !store.has(file));
  const total = missing.reduce((sum, file) => sum + file.size, 0);
  const bytes = new Map<string, number>();
  let done = 0;
  const count = (file: Download, present: number) => {
    done += present - (bytes.get(file.sha256) ?? 0);
    bytes.set(file.sha256, present);
    onBytes?.(done, total);
  };
  const cancel = new AbortController();
  const both = signal === undefined ? cancel.signal : AbortSignal.any([signal, cancel.signal]);
  const gone: T[] = [];
  const limit = pLimit(CONCURRENCY);
  try {
    await Promise.all(
      missing.map((file) =>
        limit(async () => {
          both.throwIfAborted();
          if (!(await fetchOne(file, store, both, (present) => count(file, present)))) {
            gone.push(file);
          }
        }),
      ),
    );
  } catch (error) {
    cancel.abort(error);
    throw error;
  }
  return { downloaded: missing.length - gone.length, gone };
}

async function fetchOne(
  file: Download,
  store: BlobStore,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<boolean> {
  const shared = store.partialPath(file);
  const mine = `${shared}.${process.pid}.${randomUUID().slice(0, 8)}`;
  // Whoever renames what an earlier run left owns it; another process starts afresh.
  await rename(shared, mine).catch((error: unknown) => {
    if (!isErrno(error, 'ENOENT')) throw error;
  });
  try {
    await download(mine, file, { signal, onBytes });
    await store.adopt(mine, file);
    return true;
  } catch (error) {
    await rename(mine, shared).catch((lost: unknown) => {
      if (!isErrno(lost, 'ENOENT')) throw lost;
    });
    if (error instanceof GoneError) return false;
    throw error;
  }
}
