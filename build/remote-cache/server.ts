import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress, zstdCompressSync } from 'node:zlib';
import type { Blob } from '../cache/blob-store.ts';
import { makeEnvironmentRoute } from '../cache/proxy.ts';
import { hideCredentials, TransferFailure } from '../cache/transfer-failure.ts';
import { Transport } from '../cache/transport.ts';
import { combineSignals } from '../process/child-group.ts';
import { LONGEST_ENTRY } from './entry.ts';
import type { RemoteCacheSettings } from './settings.ts';

/** Timeouts for the cache in milliseconds. */
export interface Patience {
  /** For the first answer, including name lookup and connection. */
  readonly firstAnswer: number;
  /** For later answers, and for a pause during an answer. */
  readonly answer: number;
  /** Minimum time limit for the files of a step, even if making the step takes less. */
  readonly least: number;
  /** Maximum time limit for the files of a step. */
  readonly most: number;
  /** After a build, for running uploads and the answers to them. */
  readonly bringing: number;
}

/** Timeouts that a build can tolerate. */
export const PATIENCE: Patience = {
  firstAnswer: 2000,
  answer: 5000,
  least: 5000,
  most: 600_000,
  bringing: 60_000,
};

/** SHA-256 of the empty blob. Bazel's caches have this blob without an upload. */
const NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/**
 * A cache with Bazel's HTTP protocol (https://bazel.build/remote/caching#http-caching): GET, HEAD and PUT of
 * `/ac/<key of an action>` and `/cas/<SHA-256 of a blob>`. Answers are not verified here: callers must do so.
 */
export class CacheServer implements Disposable {
  readonly transport: Transport;
  /** Transport for uploads, which may be slow because nothing waits for them. */
  readonly #bringing: Transport;
  readonly #address: string;
  readonly #patience: Patience;
  #understandsZstd: Promise<boolean> | undefined;

  constructor(
    { address, authorities }: Pick<RemoteCacheSettings, 'address' | 'authorities'>,
    patience = PATIENCE,
  ) {
    this.#address = address;
    this.#patience = patience;
    const route = makeEnvironmentRoute();
    const options = {
      findRoute: (url: URL) => ({ ...route(url), authorities }),
      // No redirects, because the answers would come from another server.
      limits: { redirects: 0, encoding: 'zstd, identity' },
    } as const;
    this.transport = new Transport({ ...options, stallAfter: patience.answer });
    this.#bringing = new Transport({ ...options, stallAfter: patience.bringing });
  }

  /** Its address without name and password. */
  get shown(): string {
    return hideCredentials(this.#address);
  }

  /** Returns the address of an action's entry. */
  entryAddress(key: string): string {
    return `${this.#address}/ac/${key}`;
  }

  /** Returns the address of a blob. */
  blobAddress(sha256: string): string {
    return `${this.#address}/cas/${sha256}`;
  }

  /**
   * Sends the first request; later calls return the same result.
   * @returns whether it sends and accepts blobs compressed with zstd, like bazel-remote
   * @throws TransferFailure if it is not a cache, does not answer in time, or requires authentication
   */
  connect(): Promise<boolean> {
    this.#understandsZstd ??= limitTime(this.#patience.firstAnswer, undefined, async (signal) => {
      try {
        const { encoded = false, bytes } = await this.transport.open(this.blobAddress(NOTHING), {
          from: 0,
          signal,
        });
        await readAll(bytes, 0);
        return encoded;
      } catch (error) {
        // A web server with plain folders has only uploaded blobs, and thus not this one.
        if (error instanceof TransferFailure && error.kind === 'gone') return false;
        throw error;
      }
    });
    return this.#understandsZstd;
  }

  /**
   * Returns the entry of an action, not verified.
   * @throws TransferFailure if there is none, or it cannot be read
   */
  async readEntry(key: string, signal?: AbortSignal): Promise<Uint8Array> {
    await this.connect();
    return limitTime(this.#patience.answer, signal, async (limited) => {
      const { bytes } = await this.transport.open(this.entryAddress(key), {
        from: 0,
        signal: limited,
      });
      return readAll(bytes, LONGEST_ENTRY);
    });
  }

  async writeEntry(key: string, entry: Uint8Array, signal?: AbortSignal): Promise<void> {
    await this.connect();
    await this.#bringing.send(new URL(this.entryAddress(key)), {
      method: 'PUT',
      headers: { 'content-length': String(entry.length) },
      body: () => Readable.from([entry]),
      signal,
    });
  }

  async hasBlob(sha256: string, signal?: AbortSignal): Promise<boolean> {
    await this.connect();
    try {
      const url = new URL(this.blobAddress(sha256));
      await this.#bringing.send(url, { method: 'HEAD', headers: {}, signal });
      return true;
    } catch (error) {
      if (error instanceof TransferFailure && error.kind === 'gone') return false;
      throw error;
    }
  }

  /**
   * Uploads a blob: compressed if the server supports that and it makes the blob smaller.
   * @returns number of bytes sent
   * @throws TransferFailure if the server does not accept it
   */
  async writeBlob(file: string, { sha256, size }: Blob, signal?: AbortSignal): Promise<number> {
    const compresses = (await this.connect()) && (await shrinks(file));
    const headers = compresses
      ? { 'content-encoding': 'zstd', 'x-digest-sizebytes': String(size) }
      : { 'content-length': String(size) };
    let sent = 0;
    const body = () => {
      const content = createReadStream(file, { highWaterMark: 1024 * 1024 });
      return counted(compresses ? compress(content) : content, (bytes) => {
        sent += bytes;
      });
    };
    const url = new URL(this.blobAddress(sha256));
    await this.#bringing.send(url, { method: 'PUT', headers, body, signal });
    return sent;
  }

  [Symbol.dispose](): void {
    this.transport[Symbol.dispose]();
    this.#bringing[Symbol.dispose]();
  }
}

/**
 * Limits the time of some work.
 * @param time milliseconds
 * @throws TransferFailure after that time; errors of `work`
 */
export async function limitTime<T>(
  time: number,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = AbortSignal.timeout(Math.ceil(time));
  try {
    return await work(combineSignals(signal, limit));
  } catch (error) {
    if (!limit.aborted || signal?.aborted === true) throw error;
    const seconds = Math.round(time / 100) / 10;
    throw new TransferFailure('interrupted', `it took more than ${seconds} s`, { cause: error });
  }
}

/** @throws TransferFailure if there are more than `most` bytes */
async function readAll(bytes: AsyncIterable<Uint8Array>, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of bytes) {
    length += chunk.length;
    if (length > most) throw new TransferFailure('altered', `it has more than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Bytes at the beginning of a file that are compressed to see whether the file is worth compressing. */
const SAMPLE = 256 * 1024;

/** Whether a file's beginning can be compressed; packages and root filesystems are already compressed. */
async function shrinks(path: string): Promise<boolean> {
  await using file = await open(path, 'r');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(SAMPLE), 0, SAMPLE, 0);
  return zstdCompressSync(buffer.subarray(0, bytesRead)).length < 0.9 * bytesRead;
}

/** Compresses with zstd (RFC 8878) at a fast level. */
async function* compress(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const encoder = createZstdCompress();
  const piping = pipeline(content, encoder);
  // The encoder throws the same error.
  piping.catch(() => undefined);
  yield* encoder;
}

async function* counted(
  content: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) {
    onBytes(chunk.length);
    yield chunk;
  }
}
