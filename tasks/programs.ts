import type { BlobStore } from '../build/cache/blob-store.ts';
import { fetchAll, requireCached } from '../build/cache/fetch.ts';
import { Transport } from '../build/cache/transport.ts';
import { must } from '../build/error.ts';
import { fetchNpmArchive, readNpmRegistry } from '../build/sea/npm-archive.ts';
import {
  type ArchivedRuntime,
  listArchiveAddresses,
  type NodeArchive,
} from '../build/sea/runtime.ts';

/** How to get a Node archive. */
export interface NodeFetching {
  projectDirectory: string;
  store: BlobStore;
  /** A package mirror that may also have the archive. */
  mirror?: string | undefined;
  /** Use only the cache. */
  offline?: boolean | undefined;
  signal?: AbortSignal | undefined;
  onProgress: (done: number, total: number) => void;
}

/** Downloads a Node archive, unless it is in the cache, and checks it. @returns its path */
export async function fetchNode(
  runtime: NodeArchive,
  { projectDirectory, store, mirror, offline, signal, onProgress }: NodeFetching,
): Promise<string> {
  if (runtime.from === 'npm') {
    using transport = new Transport();
    const registry = offline === true ? undefined : await readNpmRegistry(projectDirectory);
    return await fetchNpmArchive(runtime, registry, { store, transport, signal });
  }
  const items = [makeNodeDownload(runtime, mirror)];
  const files =
    offline === true
      ? await requireCached(items, store)
      : await fetchAll(items, {
          store,
          signal,
          onProgress: ({ bytesDone, bytesTotal }) => onProgress(bytesDone, bytesTotal),
        }).then(({ files }) => files);
  return must(files.get(runtime.sha256), 'file of Node');
}

/** Returns the archive as a file to download. */
export function makeNodeDownload(runtime: ArchivedRuntime, mirror: string | undefined) {
  const { version, sha256, size } = runtime;
  return { name: `Node ${version}`, urls: listArchiveAddresses(runtime, mirror), sha256, size };
}
