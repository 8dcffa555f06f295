import { createReadStream } from 'node:fs';
import { pipeline, type Readable } from 'node:stream';
import { createZstdDecompress } from 'node:zlib';
import { Header } from 'tar';
import { readGpt } from '../disk/gpt.ts';
import { BuildError } from '../error.ts';
import { errorCode } from '../process/errno.ts';
import { FileRange } from '../readback/file-range.ts';
import { readIso9660 } from '../readback/iso9660.ts';

/** Bytes per read. */
const CHUNK = 1024 * 1024;

/**
 * Block size of a tar in bytes, and maximum number of members that are read: a damaged tar may have endless empty
 * members.
 */
const [BLOCK, MOST_MEMBERS] = [512, 100_000];

/** Possible sector sizes of a disk, and an upper limit of disk sizes, in bytes. */
const [SECTOR_SIZES, LARGEST_DISK] = [[512, 4096], 2 ** 52];

/** Offset of an ISO's file system in bytes; boot code and partition tables come before it (ECMA-119, 6.2.1). */
const SYSTEM_AREA = 32 * 1024;

/**
 * Finds the first difference of two files, reading both in blocks.
 * @returns offset of the first different byte; the size of the shorter file if the longer one begins with it; undefined
 *   if the files are equal
 * @throws if one of them cannot be read
 */
export function findFirstDifference(
  before: string,
  after: string,
  signal?: AbortSignal,
): Promise<number | undefined> {
  return firstDifferenceOf(readChunks(before, signal), readChunks(after, signal));
}

function readChunks(file: string, signal: AbortSignal | undefined): Readable {
  return createReadStream(file, { highWaterMark: CHUNK, signal });
}

async function firstDifferenceOf(
  before: AsyncIterable<Buffer>,
  after: AsyncIterable<Buffer>,
): Promise<number | undefined> {
  await using one = new Chunks(before);
  await using other = new Chunks(after);
  for (let offset = 0; ; ) {
    const [a, b] = [await one.next(), await other.next()];
    const common = Math.min(a.length, b.length);
    const [left, right] = [a.subarray(0, common), b.subarray(0, common)];
    if (!left.equals(right)) return offset + left.findIndex((byte, index) => byte !== right[index]);
    if (common === 0) return a.length === b.length ? undefined : offset;
    one.take(common);
    other.take(common);
    offset += common;
  }
}

/** A stream whose chunks can be consumed in parts. */
class Chunks implements AsyncDisposable {
  readonly #stream: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: AsyncIterable<Buffer>) {
    this.#stream = stream[Symbol.asyncIterator]();
  }

  /** Returns the next bytes; an empty buffer at the end. */
  async next(): Promise<Buffer> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#stream.next();
      if (done === true) break;
      this.#rest = value;
    }
    return this.#rest;
  }

  take(bytes: number): void {
    this.#rest = this.#rest.subarray(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream.return?.();
  }
}

/**
 * Describes where two disks compressed by zstd(1) (`.raw.zst`) first differ.
 * @returns a clause, such as `byte 1048576 of the disk, in partition HELLO-A`; undefined if one of them is damaged
 * @throws if one of them cannot be read
 */
export async function describeDiskDifference(
  before: string,
  after: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  try {
    const disks = [decompress(before, signal), decompress(after, signal)] as const;
    const offset = await firstDifferenceOf(...disks);
    if (offset === undefined) return 'and the disks in them are the same';
    const partition = await partitionWith(after, offset, signal);
    return `byte ${offset} of the disk${partition === undefined ? '' : `, in partition ${partition}`}`;
  } catch (error) {
    // Errors of zstd for bytes that are not zstd data, and for truncated data.
    if (/^Z(STD|_BUF)_/.test(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

function decompress(file: string, signal: AbortSignal | undefined): Readable {
  const disk = createZstdDecompress({ chunkSize: CHUNK });
  // Errors are reported by the stream being read.
  pipeline(readChunks(file, signal), disk, () => undefined);
  return disk;
}

/** Returns the name of the partition that contains a byte of a compressed disk, from the table at its beginning. */
async function partitionWith(
  file: string,
  offset: number,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  await using disk = new Chunks(decompress(file, signal));
  const head = await disk.next();
  const refuse = async () => {
    throw new Error('a disk that is compared is not written to');
  };
  for (const sectorSize of SECTOR_SIZES) {
    const table = await readGpt({
      ...{ sectorSize, bytes: LARGEST_DISK, write: refuse, flush: refuse },
      // The second copy of the table, at the end, is not read.
      read: async (at, length) =>
        Buffer.concat([head.subarray(at, at + length), Buffer.alloc(length)], length),
    });
    const found = table?.partitions.find(
      (one) => offset >= one.offset && offset < one.offset + one.bytes,
    );
    if (found !== undefined) return found.name;
  }
  return undefined;
}

/**
 * Describes what contains the byte at an offset of an image: a file of an ISO, or a member of a tar. Only directories
 * and headers are read.
 * @returns a clause, such as `in /boot/vmlinuz, at byte 12 of it`; undefined if the format is unknown or the image
 *   damaged
 */
export function describePlace(file: string, offset: number): string | undefined {
  using range = FileRange.open(file);
  if (
    range.size >= SYSTEM_AREA + 6 &&
    range.read(SYSTEM_AREA + 1, 5).toString('latin1') === 'CD001'
  ) {
    return placeInIso(range, file, offset);
  }
  return placeInTar(range, offset);
}

function placeInIso(range: FileRange, where: string, offset: number): string | undefined {
  if (offset < SYSTEM_AREA) return 'in boot code and partition tables';
  try {
    const holds = ({ type, offset: at, size }: Placed & { type: string }) =>
      type === 'file' && offset >= at && offset < at + size;
    const node = readIso9660(range, where).nodes.find(holds);
    return node && placeWithin({ ...node, path: `/${node.path}` }, offset);
  } catch (error) {
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

/** A named range of bytes of an image. */
interface Placed {
  path: string;
  offset: number;
  size: number;
}

function placeWithin({ path, offset: at }: Placed, offset: number): string {
  return `in ${path}, at byte ${offset - at} of it`;
}

function placeInTar(range: FileRange, offset: number): string | undefined {
  for (
    let [at, members] = [0, 0];
    at + BLOCK <= range.size && members < MOST_MEMBERS;
    members += 1
  ) {
    const header = new Header(range.read(at, BLOCK));
    const { path, size, cksumValid, nullBlock } = header;
    if (nullBlock || !cksumValid || path === undefined || size === undefined) return undefined;
    if (offset < at + BLOCK) return `in the header of ${path}`;
    const content = at + BLOCK;
    if (offset < content + size) return placeWithin({ path, offset: content, size }, offset);
    at = content + Math.ceil(size / BLOCK) * BLOCK;
  }
  return undefined;
}
