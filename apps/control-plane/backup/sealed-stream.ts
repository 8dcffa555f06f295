import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  randomBytes,
  scrypt,
  timingSafeEqual,
} from 'node:crypto';
import { ControlPlaneError } from '../error.ts';

/**
 * A stream of bytes, encrypted under a passphrase. The format is our own; numbers are big-endian.
 *
 * Header, 60 bytes:
 *  - 8 bytes: `QVDCBAK` and the version of the format, 1;
 *  - 4 bytes: the binary logarithm of scrypt's N (RFC 7914), r = 8, p = 1, and 0;
 *  - 16 random bytes, the salt;
 *  - 32 bytes: HMAC-SHA256 over the 28 bytes before. It distinguishes a wrong passphrase from damage.
 *
 * scrypt derives 64 bytes from the passphrase (UTF-8, NFC) and the salt: the key of the blocks, and that of the HMAC.
 *
 * Then follow blocks of 65,536 bytes each, except the last, which holds the rest: AES-256-GCM, each followed by its tag
 * of 16 bytes. The nonce is 7 bytes 0, 4 bytes with the block's number from 0, and 1 byte that is 1 in the last block
 * and 0 in all others (STREAM by Hoang, Reyhanitabar, Rogaway and Vizár). A block that is changed, moved, left out or
 * inserted is therefore detected, and a truncated stream lacks its last block. Each stream has its own salt and so its
 * own key: no nonce is used twice.
 */
const MAGIC = Buffer.from('QVDCBAK\x01', 'latin1');
const HEADER_BYTES = 60;
const SIGNED_BYTES = 28;
const SALT_AT = 12;

const BLOCK_BYTES = 64 * 1024;
const TAG_BYTES = 16;

/** Binary logarithm of scrypt's N: 64 MiB of memory. */
const COST = 16;

/** Accepted range of the cost in a header: a larger one takes more memory than an appliance has. */
const COSTS = { least: 10, most: 18 };

/**
 * Encrypts a stream; holds one block at a time in memory.
 * @param cost binary logarithm of scrypt's N, 10 to 18
 */
export async function* seal(
  content: AsyncIterable<Uint8Array>,
  passphrase: string,
  cost = COST,
): AsyncGenerator<Buffer> {
  const head = Buffer.concat([MAGIC, Buffer.of(cost, 8, 1, 0), randomBytes(16)]);
  const { key, check } = await deriveKeys(passphrase, head);
  yield Buffer.concat([head, checkOf(head, check)]);
  let number = 0;
  for await (const { bytes, isLast } of blocksOf(content, BLOCK_BYTES)) {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(number, isLast));
    yield Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    number += 1;
  }
}

/**
 * Decrypts a sealed stream. Each piece that it yields was sealed with this passphrase in this position; only the end of
 * the stream shows that it is complete.
 * @throws ControlPlaneError if it is not a sealed stream, has a newer format or another passphrase, was changed, or is
 *   truncated
 */
export async function* unseal(
  sealed: AsyncIterable<Uint8Array>,
  passphrase: string,
): AsyncGenerator<Buffer> {
  const source = new ByteReader(sealed);
  const header = await source.read(HEADER_BYTES);
  const key = await openHeader(header, passphrase);
  let number = 0;
  for await (const { bytes, isLast } of blocksOf(source.rest(), BLOCK_BYTES + TAG_BYTES)) {
    yield openBlock(bytes, { key, number, isLast });
    number += 1;
  }
}

/** Checks a header. @returns the key of the blocks */
async function openHeader(header: Buffer, passphrase: string): Promise<Buffer> {
  if (!header.subarray(0, 7).equals(MAGIC.subarray(0, 7))) {
    throw new ControlPlaneError({ what: 'this is not a backup of QvDC' });
  }
  if (header.length < HEADER_BYTES) throw damaged('it ends in its header');
  const [version = 0] = header.subarray(7);
  if (version !== MAGIC[7]) {
    throw new ControlPlaneError({
      what: `the backup has format ${version}, and this program reads format ${MAGIC[7]}`,
      fix: 'Use the version of QvDC that made it, or a newer one.',
    });
  }
  const [cost = 0, r, p, nothing] = header.subarray(8, SALT_AT);
  const isKnown = r === 8 && p === 1 && nothing === 0;
  if (!isKnown || cost < COSTS.least || cost > COSTS.most) {
    throw damaged('its header has values that no backup has');
  }
  const head = header.subarray(0, SIGNED_BYTES);
  const keys = await deriveKeys(passphrase, head);
  if (!timingSafeEqual(checkOf(head, keys.check), header.subarray(SIGNED_BYTES))) {
    throw new ControlPlaneError({
      what: 'the passphrase is not the one that this backup was made with',
    });
  }
  return keys.key;
}

function openBlock(
  sealed: Buffer,
  { key, number, isLast }: { key: Buffer; number: number; isLast: boolean },
): Buffer {
  const end = sealed.length - TAG_BYTES;
  if (end < 0) throw damaged('it is cut off');
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(number, isLast));
  decipher.setAuthTag(sealed.subarray(end));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]);
  } catch (cause) {
    const place = `after ${number * BLOCK_BYTES} bytes`;
    throw damaged(`it was changed or cut off ${place}`, cause);
  }
}

/** Creates the error for a backup that was opened with the right passphrase but is damaged. */
export function damaged(what: string, cause?: unknown): ControlPlaneError {
  const fix = 'Nothing was changed. Use another backup, or another copy of this one.';
  return new ControlPlaneError({ what: `the backup is damaged: ${what}`, fix, cause });
}

/** Derives the keys from a passphrase. @param head the header's first 28 bytes */
async function deriveKeys(passphrase: string, head: Buffer): Promise<Keys> {
  const N = 2 ** (head[8] ?? 0);
  const salt = head.subarray(SALT_AT, SIGNED_BYTES);
  const both = await new Promise<Buffer>((resolve, reject) => {
    // scrypt needs 128 N r bytes, and a little more.
    const options = { N, r: 8, p: 1, maxmem: 2 * 128 * N * 8 };
    scrypt(passphrase.normalize('NFC'), salt, 64, options, (error, made) =>
      error === null ? resolve(made) : reject(error),
    );
  });
  return { key: both.subarray(0, 32), check: both.subarray(32) };
}

interface Keys {
  /** Key of the blocks. */
  readonly key: Buffer;
  /** Key of the header's HMAC. */
  readonly check: Buffer;
}

function checkOf(head: Buffer, key: Buffer): Buffer {
  return createHmac('sha256', key).update(head).digest();
}

function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(number, 7);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

/** Cuts a stream into blocks of a size. There is always a last block; it is empty if the stream is. */
async function* blocksOf(
  content: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<{ bytes: Buffer; isLast: boolean }> {
  const source = new ByteReader(content);
  try {
    let bytes = await source.read(size);
    for (;;) {
      const next = bytes.length < size ? Buffer.alloc(0) : await source.read(size);
      const isLast = next.length === 0;
      yield { bytes, isLast };
      if (isLast) return;
      bytes = next;
    }
  } finally {
    await source.end();
  }
}

/** Reads a stream in pieces of any size. Unlike a loop over the stream, it does not end it by itself: see `end`. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #pieces: Buffer[] = [];
  #held = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Reads a number of bytes; fewer if the stream ends. */
  async read(size: number): Promise<Buffer> {
    while (this.#held < size) {
      const next = await this.#source.next();
      if (next.done === true) break;
      this.#pieces.push(Buffer.from(next.value));
      this.#held += next.value.length;
    }
    const all = Buffer.concat(this.#pieces);
    this.#pieces = [all.subarray(size)];
    this.#held = Math.max(0, all.length - size);
    return all.subarray(0, size);
  }

  /** Yields the unread rest as it arrives. Ends the stream, also if its reader stops before that. */
  async *rest(): AsyncGenerator<Buffer> {
    try {
      const pieces = this.#pieces;
      this.#pieces = [];
      this.#held = 0;
      yield* pieces;
      for (;;) {
        const next = await this.#source.next();
        if (next.done === true) return;
        yield Buffer.from(next.value);
      }
    } finally {
      await this.end();
    }
  }

  /** Ends the stream, so that what makes it stops: a program whose output nobody reads would wait for ever. */
  async end(): Promise<void> {
    await this.#source.return?.();
  }
}
