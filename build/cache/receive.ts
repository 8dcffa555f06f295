import { setTimeout as sleep } from 'node:timers/promises';
import { must } from '../error.ts';
import type { BlobStore } from './blob-store.ts';
import type { BlobWriter } from './blob-writer.ts';
import { downloadError } from './download-error.ts';
import { TransferFailure } from './transfer-failure.ts';
import type { Transport } from './transport.ts';

/** With what, and how patiently, a file is received. */
export interface ReceiveContext {
  readonly transport: Transport;
  readonly signal?: AbortSignal | undefined;
  /** Gets the position reached in the file, bytes; it goes back when a download starts again. */
  readonly onBytes?: ((position: number) => void) | undefined;
  /** Waits before the next round through the addresses. */
  readonly pause?: Pause | undefined;
  /** Rounds through all addresses, without progress between them, after which it is given up; 5 if absent. */
  readonly rounds?: number | undefined;
}

/** How a file is received, and where it is kept. */
export interface DownloadContext extends ReceiveContext {
  readonly store: BlobStore;
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

/** Rounds without progress where nobody says how many. */
const USUAL_ROUNDS = 5;
/** Bytes that count as progress: a server that cuts every connection is used as long as it gets on. */
const PROGRESS = 64 * 1024;

/** A file that is to be received. */
export interface Expected {
  /** For messages: `package libc6 2.36-9`. */
  readonly name: string;
  /** Addresses that have it, best first. */
  readonly urls: readonly string[];
  /** Bytes it must have, if anyone knows. */
  readonly size?: number | undefined;
  /** Most bytes it may have; must be there where `size` is not. */
  readonly most?: number | undefined;
  /** What its bytes must hash to, if anyone knows. */
  readonly sha256?: string | undefined;
}

/**
 * Receives a file, round after round through its addresses, going on where the try before stopped.
 * @param writer may hold the beginning of the file already
 * @throws PackageGone if every address answered that it does not have it
 * @throws BuildError naming the address if it gives something else or cannot be reached
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

/** Tries one address once. @returns why it failed, or `undefined` if the file is complete and right */
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
    // The wrong bytes may be those of an earlier try, from another address: this one gets a fair trial.
    return resumed ? new TransferFailure('interrupted', error.message) : error;
  }
}

/** Appends what an address gives until the file has its size, or ends. */
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

/** 0.5 s, 1 s, 2 s, 4 s, each give or take a half, so that many builders do not come back at once. */
export const backOff: Pause = async (round, asked, signal) => {
  const wait = 500 * 2 ** (round - 1) * (0.5 + Math.random());
  await sleep(Math.max(wait, asked), undefined, signal === undefined ? {} : { signal });
};
