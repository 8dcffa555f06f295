import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { BuildError } from '../error.ts';
import { isErrno } from '../process/errno.ts';
import type { Blob } from './blob-store.ts';
import { type HttpAnswer, httpGet } from './http.ts';

/** A file to download. */
export interface Download extends Blob {
  /** Addresses that have it, best first: `http:`, `https:` or `file:`. */
  urls: readonly string[];
}

export interface DownloadOptions {
  signal?: AbortSignal | undefined;
  /** Called with the number of bytes that are there, as they come. */
  onBytes?: ((bytes: number) => void) | undefined;
  /** Milliseconds without a byte after which a connection counts as dead. */
  stall?: number;
  /** Milliseconds to wait before try number `attempt` (1, 2, …) at the same address. */
  backOff?: (attempt: number) => number;
}

/** Every address answers that it does not have the file. */
export class GoneError extends BuildError {
  override readonly name = 'GoneError';
}

/** A failure that may pass: the same address is tried again. */
class PassingFailure extends Error {}

const TRIES = 4;
const STALL = 30_000;

/** Half a second, doubled each time, up to as much again by chance, so that many clients do not come back together. */
function exponential(attempt: number): number {
  return 500 * 2 ** (attempt - 1) * (1 + Math.random());
}

/**
 * Downloads a file and checks it. What came so far stays in `partial` and is continued, also in a later run.
 * @param partial where the bytes go; the caller owns the name
 * @returns when `partial` holds exactly the file
 * @throws GoneError if no address has it; BuildError if none can be reached, or one sends something else
 */
export async function download(
  partial: string,
  file: Download,
  options: DownloadOptions = {},
): Promise<void> {
  await mkdir(dirname(partial), { recursive: true });
  const failures: { url: string; error: unknown }[] = [];
  for (const url of file.urls) {
    try {
      await fromAddress(partial, url, file, options);
      return;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (isErrno(error, 'ENOSPC')) throw diskFull(partial, error);
      failures.push({ url, error });
    }
  }
  throw allFailed(failures);
}

async function fromAddress(
  partial: string,
  url: string,
  file: Download,
  options: DownloadOptions,
): Promise<void> {
  const { backOff = exponential, signal } = options;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await oneTry(partial, url, file, options);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof PassingFailure) || attempt === TRIES) throw error;
      await wait(backOff(attempt), undefined, signal ? { signal } : {});
    }
  }
}

async function oneTry(
  partial: string,
  url: string,
  file: Download,
  { signal, onBytes, stall = STALL }: DownloadOptions,
): Promise<void> {
  const handle = await open(partial, 'a');
  try {
    const present = (await handle.stat()).size;
    if (present < file.size) {
      using watch = stallWatch(stall, signal);
      const answer = await reach(url, present, watch.signal);
      if (answer.from === 0 && present > 0) await handle.truncate(0);
      await receive(handle, answer, { file, url, onBytes, watch });
    }
  } finally {
    await handle.close();
  }
  await checkWhole(partial, url, file);
}

async function reach(url: string, from: number, signal: AbortSignal): Promise<HttpAnswer> {
  try {
    return await httpGet(url, { from, signal });
  } catch (cause) {
    if (cause instanceof BuildError) throw cause;
    throw new PassingFailure(messageOf(cause), { cause });
  }
}

async function receive(
  handle: FileHandle,
  answer: HttpAnswer,
  {
    file,
    url,
    onBytes,
    watch,
  }: {
    file: Download;
    url: string;
    onBytes: ((bytes: number) => void) | undefined;
    watch: StallWatch;
  },
): Promise<void> {
  if (answer.status === 'absent') throw new GoneError({ what: `${url} does not exist` });
  if (answer.status === 'busy') throw new PassingFailure(answer.reason);
  let bytes = answer.from;
  try {
    for await (const chunk of answer.body) {
      watch.alive();
      bytes += chunk.length;
      if (bytes > file.size) {
        await handle.truncate(0);
        throw new BuildError({
          what: `${url} sends more than the ${file.size} bytes of the lock`,
          fix: 'Another file took this name: write the lock again with `make lock`, or name another mirror.',
        });
      }
      await handle.write(chunk);
      onBytes?.(bytes);
    }
  } catch (cause) {
    if (cause instanceof BuildError || isErrno(cause, 'ENOSPC')) throw cause;
    throw new PassingFailure(`broke off after ${bytes} bytes: ${messageOf(cause)}`, { cause });
  }
  if (bytes < file.size) throw new PassingFailure(`ended after ${bytes} of ${file.size} bytes`);
}

async function checkWhole(partial: string, url: string, file: Download): Promise<void> {
  const { size } = await stat(partial);
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(partial, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk);
  }
  const digest = hash.digest('hex');
  if (size === file.size && digest === file.sha256) return;
  await rm(partial, { force: true });
  throw new BuildError({
    what: `${url} is not the file of the lock: SHA-256 is ${digest}, not ${file.sha256}`,
    fix: 'The download was damaged or tampered with; try again, or name another mirror: MIRROR=…',
  });
}

interface StallWatch extends Disposable {
  signal: AbortSignal;
  alive(): void;
}

function stallWatch(stall: number, outer: AbortSignal | undefined): StallWatch {
  const dead = new AbortController();
  const timer = setTimeout(() => {
    dead.abort(new Error(`no byte for ${stall / 1000} s`));
  }, stall);
  return {
    signal: outer === undefined ? dead.signal : AbortSignal.any([outer, dead.signal]),
    alive: () => timer.refresh(),
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}

function allFailed(failures: { url: string; error: unknown }[]): BuildError {
  const gone = failures.every(({ error }) => error instanceof GoneError);
  const first = failures[0];
  if (gone)
    return new GoneError({ what: failures.map(({ error }) => messageOf(error)).join('; ') });
  if (failures.length === 1 && first?.error instanceof BuildError) return first.error;
  const list = failures.map(({ url, error }) => `${url}: ${messageOf(error)}`).join('; ');
  return new BuildError({
    what: `download failed: ${list}`,
    fix: 'Check the network and the mirror; what came so far is kept and continued.',
    cause: first?.error,
  });
}

function diskFull(partial: string, cause: unknown): BuildError {
  return new BuildError({
    what: 'the disk is full',
    where: dirname(partial),
    fix: 'Make room there, or put the cache elsewhere: QUANTIX_CACHE=…',
    cause,
  });
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.message === 'fetch failed'
    ? error.cause.message
    : error.message;
}
