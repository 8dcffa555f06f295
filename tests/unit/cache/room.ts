import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { BlobStore } from '../../../build/cache/blob-store.ts';
import { listItems } from '../../../build/cache/contents.ts';
import { cacheRooms } from '../../../build/cache/directory.ts';
import type { Download } from '../../../build/cache/download.ts';
import { makeEnvironmentRoute } from '../../../build/cache/proxy.ts';
import type { DownloadContext } from '../../../build/cache/receive.ts';
import { Transport } from '../../../build/cache/transport.ts';
import type { Environment } from '../../../build/process/environment.ts';

/** Creates a folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-cache-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Creates an empty store, and an array of the notes that it reports. */
export async function emptyStore(): Promise<{ store: BlobStore; notes: string[] }> {
  const notes: string[] = [];
  const store = new BlobStore(cacheRooms(await temporaryFolder()), (line) => notes.push(line));
  return { store, notes };
}

/** Lists the names in the store's `tmp`. */
export async function leftovers(store: BlobStore): Promise<string[]> {
  return readdir(store.directory.tmp);
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on this machine; `asked` collects URL and range of each request. */
export async function serve(handler: Handler): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.range ?? ''}`.trimEnd());
    handler(request, response);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}`, asked };
}

/** Answers like a static file server, with ranges. */
export function fileHandler(content: Uint8Array): Handler {
  return (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const headers = { 'content-length': content.length - from };
    if (from === 0) response.writeHead(200, headers);
    else {
      const range = `bytes ${from}-${content.length - 1}/${content.length}`;
      response.writeHead(206, { ...headers, 'content-range': range });
    }
    response.end(content.subarray(from));
  };
}

/** Something to download, and its bytes. */
export function sample(urls: string[], size = 300_000): { item: Download; content: Buffer } {
  const content = randomBytes(size);
  return { item: downloadOf(content, urls), content };
}

export function downloadOf(content: Uint8Array, urls: string[]): Download {
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { name: 'package busybox 1.36', urls, sha256, size: content.length };
}

/** Options of a download that does not wait between rounds; `pauses` collects the requested waits. */
export async function testContext({
  env = {},
  stallAfter,
}: {
  env?: Environment;
  stallAfter?: number;
} = {}): Promise<DownloadContext & { pauses: string[]; notes: string[] }> {
  const { store, notes } = await emptyStore();
  const findRoute = makeEnvironmentRoute(env);
  const transport = new Transport({ findRoute, ...(stallAfter && { stallAfter }) });
  onTestFinished(() => transport[Symbol.dispose]());
  const pauses: string[] = [];
  const pause = async (round: number, asked: number) => {
    pauses.push(`round ${round}, asked ${asked}`);
  };
  return { store, transport, pause, pauses, notes };
}

/** Lists the SHA-256 of every blob in a store. */
export function storedBlobs(store: BlobStore): string[] {
  return listItems(store.directory).map(({ path }) => basename(path));
}
