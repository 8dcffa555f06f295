import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw } from 'node:zlib';
import { BuildError } from '../../../error.ts';
import { MOST_BYTES } from '../../../tree/entry.ts';
import { damagedArchive } from './damaged.ts';
import { checkTrailer, findHeaderEnd, notCompressed, TRAILER } from './gzip.ts';

/** Bytes read from the file at a time, and bytes per chunk of zlib's output. */
const CHUNK = 128 * 1024;

/** Longest gzip header in bytes; those of packages have 10 bytes. */
const LONGEST_HEADER = 4096;

/**
 * Limits on the decompressed size of a member: `FREE_BYTES`, plus `MOST_RATIO` times the compressed size. No Alpine
 * package over 64 MiB has a ratio above 25; a file of zeros reaches 1,030.
 */
const FREE_BYTES = 64 * 1024 * 1024;
const MOST_RATIO = 100;

/** The last gzip member of a file, and the expected hash of its compressed bytes. */
export interface LastMember {
  readonly handle: FileHandle;
  /** Position of its first byte. */
  readonly start: number;
  /** Size of the file in bytes. */
  readonly size: number;
  /** SHA-256 of the member's bytes as they are in the file, lower-case hex. */
  readonly sha256: string;
  /** The file, for messages. */
  readonly where: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Decompresses the gzip member (RFC 1952) at the end of a file as a stream, so that it is never in memory as a whole.
 * The hash is checked at the end: the chunks are not trustworthy until the stream has ended without an error.
 * @returns chunks, each valid until the next one is requested
 * @throws BuildError if the file does not end with the member, its hash differs, or it is too large
 */
export async function* inflateLast(member: LastMember): AsyncGenerator<Buffer> {
  const { handle, start, size, where, signal } = member;
  const head = await readBytes(handle, start, Math.min(size, start + LONGEST_HEADER));
  const trailer = await readBytes(handle, Math.max(start, size - TRAILER), size);
  const headerSize = findHeaderEnd(head, 0, where);
  if (headerSize === undefined || start + headerSize + TRAILER > size) throw endsEarly(where);
  const [from, to] = [start + headerSize, size - TRAILER];
  const hash = createHash('sha256').update(head.subarray(0, headerSize));
  const raw = createInflateRaw({ chunkSize: CHUNK });
  async function* compressed(): AsyncGenerator<Buffer> {
    for (let at = from; at < to; at += CHUNK) {
      const bytes = await readBytes(handle, at, Math.min(to, at + CHUNK));
      hash.update(bytes);
      yield bytes;
    }
  }
  const feeding = pipeline(compressed, raw, { signal });
  feeding.catch(() => undefined);
  const most = Math.min(MOST_BYTES, FREE_BYTES + MOST_RATIO * (to - from));
  let [crc, length] = [0, 0];
  try {
    for await (const chunk of raw) {
      crc = crc32(chunk, crc);
      length += chunk.length;
      if (length > most) throw tooLarge(to - from, most, where);
      yield chunk;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof BuildError ? error : notCompressed(error, where);
  } finally {
    raw.destroy();
  }
  if (raw.bytesWritten !== to - from) throw damagedArchive('something follows its data', where);
  await feeding;
  checkTrailer(trailer, { crc, length }, where);
  if (hash.update(trailer).digest('hex') === member.sha256) return;
  throw damagedArchive('its data does not match the datahash in its control part', where);
}

/**
 * Returns bytes `[from, to)` of a file.
 * @throws BuildError if the file has become shorter
 */
export async function readBytes(handle: FileHandle, from: number, to: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.max(0, to - from));
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, from + filled);
    if (bytesRead === 0)
      throw new BuildError({ what: 'a package became shorter while it was read' });
    filled += bytesRead;
  }
  return buffer;
}

function tooLarge(compressed: number, most: number, where: string): BuildError {
  return damagedArchive(
    `its data decompresses from ${compressed} bytes to more than ${most}, unlike that of any package`,
    where,
  );
}

function endsEarly(where: string): BuildError {
  return damagedArchive('it ends before its data', where);
}
