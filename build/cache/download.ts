import { setTimeout as sleep } from 'node:timers/promises';
import type { Blob, BlobStore } from './blob-store.ts';
import type { BlobWriter } from './blob-writer.ts';
import { diskError } from './disk-error.ts';
import { cancelled, downloadError } from './download-error.ts';
import { leavePart, takePart } from './part.ts';
import { TransferFailure } from './transfer-failure.ts';
import type { Transport } from './transport.ts';

/** A file to download. */
export interface Download extends Blob {
  /** For messages: `package libc6 2.36-9`. */
  readonly name: string;
  /** Addresses that have it, best first. */
  readonly urls: readonly string[];
}

/** With what, and how patiently, a file is downloaded. */
export interface DownloadContext {
  readonly store: BlobStore;
  readonly transport: Transport;
  readonly signal?: AbortSignal | undefined;
  /** Gets the position reached in the file, bytes; it goes back when a download starts again. */
  readonly onBytes?: ((position: number) => void) | undefined;
  /** Waits before the next round through the addresses. */
  readonly pause?: Pause | undefined;
}

/**
 * @param round rounds without progress so far, from 1
 * @param asked milliseconds that a server asked to wait; 0 if none did
 */
export type Pause = (
  round: number,
  asked: number,
  signal: AbortSignal | undefined,
) => Promise<void>;

/** Rounds through all addresses, without progress between them, after which a download is given up. */
const MOST_ROUNDS = 5;
/** Bytes that count as progress: a server that cuts every connection is used as long as it gets on. */
const PROGRESS = 64 * 1024;

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
      await fill(part, item, context);
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

/** Writes the file into `part`, round after round through its addresses. */
async function fill(part: BlobWriter, item: Download, context: DownloadContext): Promise<void> {
  if (await isComplete(part, item)) return;
  const { signal, pause = backOff } = context;
  const failures = new Map<string, TransferFailure>();
  const hopeful = new Set(item.urls);
  let furthest = part.length;
  let fruitless = 0;
  while (hopeful.size > 0 && fruitless < MOST_ROUNDS) {
    if (fruitless > 0) await pause(fruitless, longestWait(failures), signal);
    for (const url of hopeful) {
      const failure = await attempt({ part, url, item, context });
      if (failure === undefined) return;
      failures.set(url, failure);
      if (failure.kind !== 'interrupted') hopeful.delete(url);
    }
    fruitless = part.length >= furthest + PROGRESS ? 1 : fruitless + 1;
    furthest = Math.max(furthest, part.length);
  }
  throw downloadError(item, failures);
}

function longestWait(failures: ReadonlyMap<string, TransferFailure>): number {
  return Math.max(0, ...[...failures.values()].map(({ retryAfter }) => retryAfter ?? 0));
}

interface Attempt {
  part: BlobWriter;
  url: string;
  item: Download;
  context: DownloadContext;
}

/** Tries one address once. @returns why it failed, or `undefined` if the file is complete and right */
async function attempt(trying: Attempt): Promise<TransferFailure | undefined> {
  const { part, item, context } = trying;
  const resumed = part.length > 0;
  try {
    await transfer(trying);
    if (part.digest() === item.sha256) return undefined;
    const message = `expected SHA-256 ${item.sha256}, got ${part.digest()}`;
    await part.restart();
    // The wrong bytes may be those of an earlier try, from another address: this one gets a fair trial.
    return new TransferFailure(resumed ? 'interrupted' : 'altered', message);
  } catch (error) {
    if (context.signal?.aborted === true) throw error;
    if (!(error instanceof TransferFailure)) throw error;
    if (error.kind !== 'altered') return error;
    await part.restart();
    return resumed ? new TransferFailure('interrupted', error.message) : error;
  }
}

/** Appends what an address gives until the file has its size. */
async function transfer({ part, url, item, context }: Attempt): Promise<void> {
  const { signal, transport, onBytes } = context;
  const asked = { from: part.length, size: item.size, signal };
  const body = await transport.open(url, asked);
  if (body.start === 0 && part.length > 0) await part.restart();
  onBytes?.(part.length);
  for await (const chunk of body.bytes) {
    if (part.length + chunk.length > item.size) {
      throw new TransferFailure('altered', `expected ${item.size} bytes, the server sends more`);
    }
    await part.append(chunk);
    onBytes?.(part.length);
  }
  if (part.length < item.size) {
    throw new TransferFailure('interrupted', `ended after ${part.length} of ${item.size} bytes`);
  }
}

/** Whether an earlier run left the file complete; what cannot be its beginning is thrown away. */
async function isComplete(part: BlobWriter, item: Blob): Promise<boolean> {
  if (part.length < item.size) return false;
  if (part.length === item.size && part.digest() === item.sha256) return true;
  await part.restart();
  return false;
}

/** 0.5 s, 1 s, 2 s, 4 s, each give or take a half, so that many builders do not come back at once. */
export const backOff: Pause = async (round, asked, signal) => {
  const wait = 500 * 2 ** (round - 1) * (0.5 + Math.random());
  await sleep(Math.max(wait, asked), undefined, signal === undefined ? {} : { signal });
};
