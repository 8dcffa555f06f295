import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress, zstdCompressSync } from 'node:zlib';
import type { Blob } from '../cache/blob-store.ts';
import { environmentRoute } from '../cache/proxy.ts';
import { shownUrl, TransferFailure } from '../cache/transfer-failure.ts';
import { Transport } from '../cache/transport.ts';
import { anySignal } from '../process/child-group.ts';
import { LONGEST_ENTRY } from './entry.ts';
import type { RemoteCacheSettings } from './settings.ts';

/** How long the cache is waited for, milliseconds. */
export interface Patience {
  /** For the first answer, with looking up its name and connecting. */
  readonly firstAnswer: number;
  /** For an answer later on, and without a byte of one. */
  readonly answer: number;
  /** For the files of a step at least, however quickly it would be made. */
  readonly least: number;
  /** For the files of a step at most. */
  readonly most: number;
  /** After a build, for what is still being brought, and for an answer to it. */
  readonly bringing: number;
}

/** What a build can bear. */
export const PATIENCE: Patience = {
  firstAnswer: 2000,
  answer: 5000,
  least: 5000,
  most: 600_000,
  bringing: 60_000,
};

/** SHA-256 of nothing. Bazel's caches have it without being given it. */
const NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/**
 * A cache that speaks Bazel's HTTP protocol (https://bazel.build/remote/caching#http-caching): GET, HEAD and PUT of
 * `/ac/<key of an action>` and `/cas/<SHA-256 of a blob>`. Nothing that it says is believed here: who reads has to check.
 */
export class CacheServer implements Disposable {
  readonly transport: Transport;
  /** Brings things there; who takes them may be slow, as nobody waits for it. */
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
    const route = environmentRoute();
    const options = {
      findRoute: (url: URL) => ({ ...route(url), authorities }),
      // It is asked itself: what another server has is not its to give.
      manners: { redirects: 0, encoding: 'zstd, identity' },
    } as const;
    this.transport = new Transport({ ...options, stallAfter: patience.answer });
    this.#bringing = new Transport({ ...options, stallAfter: patience.bringing });
  }

  /** Its address without name and password. */
  get shown(): string {
    return shownUrl(this.#address);
  }

  /** Where it has the entry of an action. */
  entryAddress(key: string): string {
    return `${this.#address}/ac/${key}`;
  }

  /** Where it has a blob. */
  blobAddress(sha256: string): string {
    return `${this.#address}/cas/${sha256}`;
  }

  /**
   * Asks it for the first time, once.
   * @returns whether it sends and takes blobs compressed with zstd, as bazel-remote does
   * @throws TransferFailure if it is no cache, does not answer in time, or wants to know who asks
   */
  connect(): Promise<boolean> {
    this.#understandsZstd ??= withinTime(this.#patience.firstAnswer, undefined, async (signal) => {
      try {
        const { encoded = false, bytes } = await this.transport.open(this.blobAddress(NOTHING), {
          from: 0,
          signal,
        });
        await readAll(bytes, 0);
        return encoded;
      } catch (error) {
        // A web server with folders has what it was given.
        if (error instanceof TransferFailure && error.kind === 'gone') return false;
        throw error;
      }
    });
    return this.#understandsZstd;
  }

  /**
   * The entry of an action, as it is there.
   * @throws TransferFailure if it has none, or does not give it
   */
  async readEntry(key: string, signal?: AbortSignal): Promise<Uint8Array> {
    await this.connect();
    return withinTime(this.#patience.answer, signal, async (limited) => {
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
   * Brings a blob there: compressed, where the server understands it and that makes it smaller.
   * @returns bytes that were sent
   * @throws TransferFailure if it does not take it
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
 * Does something that must not take longer than a time.
 * @param time milliseconds
 * @throws TransferFailure if it does; whatever `work` throws
 */
export async function withinTime<T>(
  time: number,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = AbortSignal.timeout(Math.ceil(time));
  try {
    return await work(anySignal(signal, limit));
  } catch (error) {
    if (!limit.aborted || signal?.aborted === true) throw error;
    const seconds = Math.round(time / 100) / 10;
    throw new TransferFailure('interrupted', `it took more than ${seconds} s`, { cause: error });
  }
}

/** @throws TransferFailure if there is more than `most` bytes */
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

/** Bytes of a file by which it is told whether the rest can be compressed. */
const SAMPLE = 256 * 1024;

/** Whether a file is not compressed already, as packages and root file systems are: by its start. */
async function shrinks(path: string): Promise<boolean> {
  await using file = await open(path, 'r');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(SAMPLE), 0, SAMPLE, 0);
  return zstdCompressSync(buffer.subarray(0, bytesRead)).length < 0.9 * bytesRead;
}

/** Compresses with zstd (RFC 8878), quickly. */
async function* compress(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const encoder = createZstdCompress();
  const piping = pipeline(content, encoder);
  // The encoder throws what has ended it.
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
