import { crc32, inflateRawSync } from 'node:zlib';
import { errorCode } from '../../../process/errno.ts';
import { damagedArchive } from './damaged.ts';

/** Size in bytes of a member's trailer: CRC-32 and length of the decompressed data (RFC 1952, 2.3). */
export const TRAILER = 8;

const MAGIC = [0x1f, 0x8b, 0x08];
const FIXED_HEADER = 10;
const FLAG = { headerCrc: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 } as const;

/** A decompressed gzip member of a file. */
export interface Member {
  /** The decompressed data. */
  readonly content: Buffer;
  /** Position in the file after the member's last byte. */
  readonly end: number;
}

/** Where to read a member. */
export interface MemberAt {
  readonly bytes: Uint8Array;
  /** Position of its first byte. */
  readonly start: number;
  /** Maximum number of bytes that it may decompress to. */
  readonly most: number;
  /** The file, for messages. */
  readonly where: string;
}

/**
 * Decompresses exactly one gzip member (RFC 1952) and finds the byte at which it ends.
 * @returns the member, or `undefined` if the input ends before the member does
 * @throws BuildError if no member starts there, it is damaged, or it is larger than allowed
 */
export function readMember({ bytes, start, most, where }: MemberAt): Member | undefined {
  const data = findHeaderEnd(bytes, start, where);
  if (data === undefined) return undefined;
  const inflated = inflate(bytes.subarray(data), most, where);
  if (inflated === undefined) return undefined;
  const end = data + inflated.consumed + TRAILER;
  if (end > bytes.length) return undefined;
  checkTrailer(bytes.subarray(end - TRAILER, end), trailerOf(inflated.content), where);
  return { content: inflated.content, end };
}

/**
 * Returns the position of a member's compressed data.
 * @returns `undefined` if the input ends within the member's header
 * @throws BuildError if no gzip member starts there
 */
export function findHeaderEnd(bytes: Uint8Array, start: number, where: string): number | undefined {
  for (const [index, byte] of MAGIC.entries()) {
    const found = bytes[start + index];
    if (found !== undefined && found !== byte)
      throw damagedArchive(`no gzip member starts at byte ${start}`, where);
  }
  if (bytes.length < start + FIXED_HEADER) return undefined;
  const flags = bytes[start + 3] ?? 0;
  if ((flags & FLAG.reserved) !== 0) throw damagedArchive('a gzip header has unknown flags', where);
  let at: number | undefined = start + FIXED_HEADER;
  if ((flags & FLAG.extra) !== 0) at += 2 + (bytes[at] ?? 0) + 256 * (bytes[at + 1] ?? 0);
  if ((flags & FLAG.name) !== 0) at = afterNul(bytes, at);
  if ((flags & FLAG.comment) !== 0) at = afterNul(bytes, at);
  if (at !== undefined && (flags & FLAG.headerCrc) !== 0) at += 2;
  return at === undefined || at > bytes.length ? undefined : at;
}

function afterNul(bytes: Uint8Array, from: number | undefined): number | undefined {
  const nul = from === undefined ? -1 : bytes.indexOf(0, from);
  return nul < 0 ? undefined : nul + 1;
}

/** @returns the content and the number of compressed bytes; `undefined` if the input ends too early */
function inflate(input: Uint8Array, most: number, where: string) {
  try {
    const result: unknown = inflateRawSync(input, { info: true, maxOutputLength: most });
    if (!isInfo(result)) throw new Error('zlib reported nothing about its input');
    return { content: result.buffer, consumed: result.engine.bytesWritten };
  } catch (error) {
    const code = errorCode(error);
    if (code === 'Z_BUF_ERROR') return undefined;
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      throw damagedArchive(`a part decompresses to more than ${most} bytes`, where, error);
    }
    if (code?.startsWith('Z_') === true) throw notCompressed(error, where);
    throw error;
  }
}

/** Whether a value is the result of zlib with its option `info`. */
function isInfo(value: unknown): value is { buffer: Buffer; engine: { bytesWritten: number } } {
  if (typeof value !== 'object' || value === null) return false;
  if (!('buffer' in value && Buffer.isBuffer(value.buffer) && 'engine' in value)) return false;
  const { engine } = value;
  return typeof engine === 'object' && engine !== null && 'bytesWritten' in engine;
}

/** Returns the error for compressed data that zlib refuses. */
export function notCompressed(error: unknown, where: string): Error {
  const why = error instanceof Error ? error.message : String(error);
  return damagedArchive(`its compressed data is wrong (${why})`, where, error);
}

/** Checksum and length of a member's content, as in its trailer. */
export interface Trailer {
  readonly crc: number;
  /** In bytes. */
  readonly length: number;
}

function trailerOf(content: Uint8Array): Trailer {
  return { crc: crc32(content), length: content.length };
}

/** @throws BuildError if a member's trailer does not match its content */
export function checkTrailer(bytes: Uint8Array, { crc, length }: Trailer, where: string): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, TRAILER);
  if (view.getUint32(0, true) === crc && view.getUint32(4, true) === length % 2 ** 32) return;
  throw damagedArchive('a checksum of its compressed data is wrong', where);
}
