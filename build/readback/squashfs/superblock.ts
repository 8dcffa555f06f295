import type { Cursor } from '../cursor.ts';
import { unreadable } from '../verdict.ts';

/** Size of a superblock in bytes. */
export const SUPERBLOCK_SIZE = 96;

const MAGIC = 0x7371_7368;
const COMPRESSIONS: Readonly<Record<number, SquashfsCompression>> = { 4: 'xz', 6: 'zstd' };
/** Marks a table that does not exist. */
const NO_TABLE = 0xffff_ffff_ffff_ffffn;
const [SMALLEST_BLOCK, LARGEST_BLOCK] = [4096, 1024 * 1024];

/** Compression algorithms of images. */
export type SquashfsCompression = 'xz' | 'zstd';

/**
 * A squashfs 4.0 superblock (Linux, fs/squashfs/squashfs_fs.h, `struct squashfs_super_block`). Offsets are in bytes
 * from the superblock.
 */
export interface Superblock {
  inodes: number;
  /** In seconds since 1970. */
  madeAt: number;
  blockSize: number;
  fragments: number;
  compression: SquashfsCompression;
  ids: number;
  /** Position of the root's inode: its metadata block relative to the inode table, and the offset in that block. */
  root: { block: number; offset: number };
  bytesUsed: number;
  idTable: number;
  /** Absent if no file has extended attributes. */
  xattrTable: number | undefined;
  inodeTable: number;
  directoryTable: number;
  fragmentTable: number;
  exportTable: number | undefined;
}

/**
 * Parses a superblock.
 * @throws BuildError if it is not one of squashfs 4.0, or the compression algorithm is not supported
 */
export function parseSuperblock(cursor: Cursor, where: string): Superblock {
  if (cursor.u32() !== MAGIC) throw unreadable('it is not a squashfs', where);
  const inodes = cursor.u32();
  const madeAt = cursor.u32();
  const blockSize = cursor.u32();
  const fragments = cursor.u32();
  const compression = COMPRESSIONS[cursor.u16()];
  const blockLog = cursor.u16();
  cursor.u16(); // Flags: options of mksquashfs, not needed for reading.
  const ids = cursor.u16();
  const version = `${cursor.u16()}.${cursor.u16()}`;
  if (version !== '4.0') throw unreadable(`it is squashfs ${version}`, where);
  if (compression === undefined) throw unreadable('its compression is unknown', where);
  const valid = blockSize >= SMALLEST_BLOCK && blockSize <= LARGEST_BLOCK;
  if (!valid || blockSize !== 2 ** blockLog) throw unreadable('its block size is wrong', where);
  const [offset, block] = [cursor.u16(), cursor.u16() + cursor.u32() * 2 ** 16];
  return {
    ...{ inodes, madeAt, blockSize, fragments, compression, ids, root: { block, offset } },
    bytesUsed: cursor.u64(),
    idTable: cursor.u64(),
    xattrTable: table(cursor),
    inodeTable: cursor.u64(),
    directoryTable: cursor.u64(),
    fragmentTable: table(cursor) ?? 0,
    exportTable: table(cursor),
  };
}

function table(cursor: Cursor): number | undefined {
  const bytes = cursor.take(8);
  const value = bytes.readBigUInt64LE();
  return value === NO_TABLE ? undefined : Number(value);
}
