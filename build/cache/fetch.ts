import pLimit from 'p-limit';
import type { FindRoute } from '../contract/route.ts';
import { BuildError } from '../error.ts';
import type { BlobStore } from './blob-store.ts';
import { type Download, download } from './download.ts';
import { cancelled } from './download-error.ts';
import { type FetchProgress, ProgressMeter } from './fetch-progress.ts';
import type { Pause } from './receive.ts';
import { sweepTemporary } from './temporary.ts';
import { Transport } from './transport.ts';

/** Options of a fetch; only the store is required. */
export interface FetchOptions {
  readonly store: BlobStore;
  /** Number of parallel downloads. */
  readonly concurrency?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined;
  /** Reads the addresses; if absent, one is created and closed at the end. */
  readonly transport?: Transport | undefined;
  /** Route to each server, if `transport` is absent; by default through the proxies of the environment. */
  readonly findRoute?: FindRoute | undefined;
  readonly pause?: Pause | undefined;
}

/** Paths of the files, and the number of downloads. */
export interface FetchResult {
  /** SHA-256 → path on the host. */
  readonly files: ReadonlyMap<string, string>;
  readonly fetched: number;
}

/**
 * Makes sure that all files are in the store: downloads missing ones in parallel.
 * A file that is requested twice, even by another call in this process, is downloaded once. The first failure cancels
 * the other downloads; the next attempt resumes them.
 * @throws PackageGone naming the item that no mirror has any more
 * @throws BuildError if a file cannot be fetched for any other reason
 */
export async function fetchAll(
  items: Iterable<Download>,
  options: FetchOptions,
): Promise<FetchResult> {
  const { store } = options;
  const { present, absent } = await divide(items, store);
  if (absent.length > 0) await downloadAll(absent, options);
  const files = [...present, ...absent].map(({ sha256 }) => [sha256, store.path(sha256)] as const);
  return {
    files: new Map(files),
    fetched: absent.length,
  };
}

/**
 * Returns the files of a build that must not use the network.
 * @returns SHA-256 → path on the host
 * @throws BuildError naming the missing files
 */
export async function requireCached(
  items: Iterable<Download>,
  store: BlobStore,
): Promise<ReadonlyMap<string, string>> {
  const { present, absent } = await divide(items, store);
  const [first, ...others] = absent;
  if (first !== undefined) {
    const more = others.length === 0 ? '' : ` and ${others.length} more are`;
    throw new BuildError({
      what: `${first.name}${more === '' ? ' is' : more} not in the cache`,
      where: store.directory.root,
      fix: 'Build once with the network, or copy the cache of a machine that did.',
    });
  }
  return new Map(present.map(({ sha256 }) => [sha256, store.path(sha256)]));
}

interface Division {
  present: Download[];
  absent: Download[];
}

async function divide(items: Iterable<Download>, store: BlobStore): Promise<Division> {
  const unique = new Map([...items].map((item) => [item.sha256, item]));
  const division: Division = { present: [], absent: [] };
  for (const item of unique.values()) {
    ((await store.has(item)) ? division.present : division.absent).push(item);
  }
  return division;
}

async function downloadAll(items: readonly Download[], options: FetchOptions): Promise<void> {
  const { store, pause, concurrency = 8, signal, onProgress = () => {} } = options;
  await sweepTemporary(store.directory);
  const transport = options.transport ?? new Transport({ findRoute: options.findRoute });
  const failed = new AbortController();
  const ended = AbortSignal.any(signal === undefined ? [failed.signal] : [signal, failed.signal]);
  const meter = new ProgressMeter(totalSize(items), onProgress);
  const limit = pLimit(concurrency);
  const downloads = items.map((item) =>
    limit(async () => {
      if (ended.aborted) throw cancelled(item, ended.reason);
      const onBytes = (position: number) => meter.moved(item.sha256, position);
      await downloadOnce(item, { store, transport, signal: ended, onBytes, pause });
      meter.finished(item.sha256, item.size);
    }),
  );
  try {
    await Promise.all(downloads);
  } finally {
    failed.abort();
    await Promise.allSettled(downloads);
    if (options.transport === undefined) transport[Symbol.dispose]();
  }
}

/** Downloads running in this process: path in the store → resolves when it ends, with or without success. */
const running = new Map<string, Promise<unknown>>();

/**
 * Downloads a file unless another call is downloading it; in that case, waits for that download, and tries again if it
 * failed.
 */
async function downloadOnce(
  item: Download,
  context: Parameters<typeof download>[1],
): Promise<void> {
  const path = context.store.path(item.sha256);
  let other = running.get(path);
  while (other !== undefined) {
    await other;
    if (await context.store.has(item)) return;
    other = running.get(path);
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  running.set(path, promise);
  try {
    await download(item, context);
  } finally {
    running.delete(path);
    resolve();
  }
}

function totalSize(items: readonly Download[]): number {
  return items.reduce((total, { size }) => total + size, 0);
}
