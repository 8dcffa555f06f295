import { open } from 'node:fs/promises';
import { Header } from 'tar';
import { BuildError } from '../error.ts';
import { FileRange } from '../readback/file-range.ts';
import { readIso9660 } from '../readback/iso9660.ts';

/** Bytes that are compared at a time. */
const CHUNK = 1024 * 1024;

/** Bytes of a tar's block, and members that are believed; a damaged archive may have any number of empty ones. */
const [BLOCK, MOST_MEMBERS] = [512, 100_000];

/** First sector of an ISO's file system, bytes; before it are boot code and partition tables (ECMA-119, 6.2.1). */
const SYSTEM_AREA = 32 * 1024;

/**
 * Where two files begin to differ. Both are read in pieces.
 * @returns offset in bytes of the first one that is not the same; where one file is the beginning of the other, its length;
 *   undefined if they are the same
 * @throws if one of them cannot be read
 */
export async function firstDifference(
  before: string,
  after: string,
  signal?: AbortSignal,
): Promise<number | undefined> {
  await using one = await open(before);
  await using other = await open(after);
  const [a, b] = [Buffer.allocUnsafeSlow(CHUNK), Buffer.allocUnsafeSlow(CHUNK)];
  for (let offset = 0; ; ) {
    signal?.throwIfAborted();
    const [ofOne, ofOther] = await Promise.all([
      one.read(a, 0, CHUNK, offset),
      other.read(b, 0, CHUNK, offset),
    ]);
    const common = Math.min(ofOne.bytesRead, ofOther.bytesRead);
    if (a.compare(b, 0, common, 0, common) !== 0) {
      return offset + a.subarray(0, common).findIndex((byte, index) => byte !== b[index]);
    }
    offset += common;
    if (common === 0) return ofOne.bytesRead === ofOther.bytesRead ? undefined : offset;
  }
}

/**
 * What of an image has the byte at an offset: a file of an ISO, a member of a tar. Nothing but directories is read.
 * @returns a clause, such as `in /boot/vmlinuz, at byte 12 of it`; undefined where the format, or a damage, does not tell
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

/** Something with a name that has some bytes of an image. */
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
