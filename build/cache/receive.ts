import { setTimeout as sleep } from 'node:timers/promises';
import { must } from '../error.ts';
import type { BlobStore } from './blob-store.ts';
import type { BlobWriter } from './blob-writer.ts';
import { downloadError } from './download-error.ts';
import { TransferFailure } from './transfer-failure.ts';
import type { Transport } from './transport.ts';

/** Options for receiving a file. */
export interface ReceiveContext {
  readonly transport: Transport;
  readonly signal?: AbortSignal | undefined;
  /** Receives the position reached in the file, in bytes; it decreases when a download starts again. */
  readonly onBytes?: ((position: number) => void) | undefined;
  /** Waits before the next round through the addresses. */
  readonly pause?: Pause | undefined;
  /** Number of rounds through all addresses without progress after which the download fails; 5 if absent. */
  readonly rounds?: number | undefined;
}

/** Options for downloading a file into a store. */
export interface DownloadContext extends ReceiveContext {
  readonly store: BlobStore;
}

/**
 * Waits between two rounds.
 * @param round number of rounds without progress so far, from 1
 * @param asked milliseconds that a server asked to wait; 0 if none did
 */
export type Pause = (
  round: number,
  asked: number,
  signal: AbortSignal | undefined,
) => Promise<void>;

/** Default number of rounds without progress. */
const USUAL_ROUNDS = 5;
/**
 * Number of bytes from which a round counts as progress: a server that closes every connection is used as long as each
 * round makes progress.
 */
const PROGRESS = 64 * 1024;

/** A file to receive. */
export interface Expected {
  /** Name for messages: `package libc6 2.36-9`. */
  readonly name: string;
  /** Its addresses, best first. */
  readonly urls: readonly string[];
  /** Expected size in bytes, if known. */
  readonly size?: number | undefined;
  /** Maximum number of bytes it may have; required if `size` is absent. */
  readonly most?: number | undefined;
  /** Expected SHA-256, if known. */
  readonly sha256?: string | undefined;
}

/**
 * Receives a file: tries its addresses round after round, each continuing where the last one stopped.
 * @param writer may already contain the beginning of the file
 * @throws PackageGone if every address answers that it does not have the file
 * @throws BuildError naming the address if it provides something else or cannot be reached
 */
export async function receive(
  writer: BlobWriter,
  expected: Expected,
  context: ReceiveContext,
): Promise<void> {
  const { signal, pause = backOff, rounds = USUAL_ROUNDS } = context;
  const failures = new Map<string, TransferFailure>();
  const hopeful = new Set(expected.urls);
  let furthest = writer.length;
  let fruitless = 0;
  while (hopeful.size > 0 && fruitless < rounds) {
    if (fruitless > 0) await pause(fruitless, longestWait(failures), signal);
    for (const url of hopeful) {
      const failure = await attempt({ writer, url, expected, context });
      if (failure === undefined) return;
      failures.set(url, failure);
      if (failure.kind !== 'interrupted') hopeful.delete(url);
    }
    fruitless = writer.length >= furthest + PROGRESS ? 1 : fruitless + 1;
    furthest = Math.max(furthest, writer.length);
  }
  throw downloadError(expected, failures);
}

function longestWait(failures: ReadonlyMap<string, TransferFailure>): number {
  return Math.max(0, ...[...failures.values()].map(({ retryAfter }) => retryAfter ?? 0));
}

interface Attempt {
  writer: BlobWriter;
  url: string;
  expected: Expected;
  context: ReceiveContext;
}

/** Tries one address once. @returns why it failed, or `undefined` if the file is complete and correct */
async function attempt(trying: Attempt): Promise<TransferFailure | undefined> {
  const { writer, expected, context } = trying;
  const resumed = writer.length > 0;
  try {
    await transfer(trying);
    if (expected.sha256 === undefined || writer.digest() === expected.sha256) return undefined;
    throw new TransferFailure(
      'altered',
      `expected SHA-256 ${expected.sha256}, got ${writer.digest()}`,
    );
  } catch (error) {
    if (context.signal?.aborted === true || !(error instanceof TransferFailure)) throw error;
    if (error.kind !== 'altered') return error;
    await writer.restart();
    // The wrong bytes may be from an earlier attempt at another address: this address is tried again from the
    // beginning.
    return resumed ? new TransferFailure('interrupted', error.message) : error;
  }
}

/** Appends what an address sends, until the file has its size or the data end. */
async function transfer({ writer, url, expected, context }: Attempt): Promise<void> {
  const { signal, transport, onBytes } = context;
  const { size } = expected;
  const body = await transport.open(url, { from: writer.length, size, signal });
  if (body.start === 0 && writer.length > 0) await writer.restart();
  onBytes?.(writer.length);
  for await (const chunk of body.bytes) {
    assertFits(writer.length + chunk.length, expected);
    await writer.append(chunk);
    onBytes?.(writer.length);
  }
  if (size !== undefined && writer.length < size) {
    throw new TransferFailure('interrupted', `ended after ${writer.length} of ${size} bytes`);
  }
}

function assertFits(length: number, { name, size, most }: Expected): void {
  if (length <= must(size ?? most, `limit of the size of ${name}`)) return;
  throw new TransferFailure(
    'altered',
    size === undefined
      ? `it has more than ${most} bytes`
      : `expected ${size} bytes, the server sends more`,
  );
}

/**
 * Waits 0.5 s, 1 s, 2 s, 4 s, or longer if a server asks for it; varied at random by up to a half, so that many
 * builders do not retry at the same time.
 */
export const backOff: Pause = async (round, asked, signal) => {
  const wait = 500 * 2 ** (round - 1) * (0.5 + Math.random());
  await sleep(Math.max(wait, asked), undefined, signal === undefined ? {} : { signal });
};
