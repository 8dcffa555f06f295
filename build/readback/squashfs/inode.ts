import type { Cursor } from '../cursor.ts';
import type { ImageNode } from '../node.ts';
import { unreadable } from '../verdict.ts';

/** Type numbers of basic inodes; for an extended inode, add 7. */
const TYPES: Readonly<Record<number, ImageNode['type']>> = {
  1: 'directory',
  2: 'file',
  3: 'symlink',
  4: 'block',
  5: 'character',
  6: 'fifo',
  7: 'socket',
};
const EXTENDED = 7;
const NO_FRAGMENT = 0xffff_ffff;
const NO_XATTRS = 0xffff_ffff;
const LONGEST_TARGET = 65_535;

/** An inode of squashfs 4.0 (Linux, fs/squashfs/squashfs_fs.h). */
export interface Inode extends Omit<ImageNode, 'path' | 'attributes' | 'uid' | 'gid'> {
  /** Basic type number, as in directories. */
  typeNumber: number;
  /** Indexes into the id table. */
  uidIndex: number;
  gidIndex: number;
  links: number;
  /** Index into the table of extended attributes. */
  xattrIndex: number | undefined;
  /** Only for files. */
  data: FileData | undefined;
  /** Only for directories. */
  listing: Listing | undefined;
}

/** Location of a file's content. */
export interface FileData {
  /** Offset of the first data block in the image. */
  start: number;
  /** Stored sizes of the data blocks, with the flag for compression. */
  blocks: number[];
  fragment: { index: number; offset: number } | undefined;
}

/** Location of a directory's names. */
export interface Listing {
  block: number;
  offset: number;
  /** Size in bytes. */
  size: number;
  parent: number;
}

/**
 * Parses an inode.
 * @param blockSize block size of the file system
 * @throws BuildError if its type is unknown, or it refers to a position outside the table
 */
export function parseInode(cursor: Cursor, blockSize: number, where: string): Inode {
  const number = cursor.u16();
  const extended = number > EXTENDED;
  const typeNumber = extended ? number - EXTENDED : number;
  const type = TYPES[typeNumber];
  if (type === undefined) throw unreadable(`an inode is of unknown type ${number}`, where);
  const head = {
    ...{ type, typeNumber, mode: cursor.u16() & 0o7777 },
    ...{ uidIndex: cursor.u16(), gidIndex: cursor.u16(), mtime: cursor.u32(), inode: cursor.u32() },
    ...{ links: 1, size: 0, target: '', major: 0, minor: 0 },
    ...{ xattrIndex: undefined, data: undefined, listing: undefined },
  } as const;
  const xattrIndex = (): number | undefined => {
    if (!extended) return undefined;
    const index = cursor.u32();
    return index === NO_XATTRS ? undefined : index;
  };
  switch (type) {
    case 'directory':
      return { ...head, ...(extended ? extendedDirectory(cursor) : basicDirectory(cursor)) };
    case 'file':
      return { ...head, ...fileFields(cursor, { extended, blockSize, where }) };
    case 'symlink': {
      const links = cursor.u32();
      const length = cursor.u32();
      if (length > LONGEST_TARGET) throw unreadable('a link is too long', where);
      const target = cursor.text(length);
      return { ...head, links, target, xattrIndex: xattrIndex() };
    }
    case 'block':
    case 'character': {
      const links = cursor.u32();
      const device = cursor.u32();
      // Linux, include/linux/kdev_t.h, `new_decode_dev`.
      const major = (device >>> 8) & 0xfff;
      const minor = (device & 0xff) | ((device >>> 12) & 0xf_ff00);
      return { ...head, links, major, minor, xattrIndex: xattrIndex() };
    }
    default:
      return { ...head, links: cursor.u32(), xattrIndex: xattrIndex() };
  }
}

/** Number of bytes that a directory's size counts for `.` and `..`, which are not stored. */
const DOTS = 3;

function basicDirectory(cursor: Cursor): Pick<Inode, 'links' | 'listing'> {
  const [block, links, size, offset, parent] = [
    cursor.u32(),
    cursor.u32(),
    cursor.u16(),
    cursor.u16(),
    cursor.u32(),
  ];
  return { links, listing: { block, offset, size: Math.max(0, size - DOTS), parent } };
}

/** The directory index that follows these fields is not read: it only speeds up lookups in the kernel. */
function extendedDirectory(cursor: Cursor): Pick<Inode, 'links' | 'listing' | 'xattrIndex'> {
  const [links, size, block, parent] = [cursor.u32(), cursor.u32(), cursor.u32(), cursor.u32()];
  cursor.u16();
  const offset = cursor.u16();
  const index = cursor.u32();
  const xattrIndex = index === NO_XATTRS ? undefined : index;
  return { links, xattrIndex, listing: { block, offset, size: Math.max(0, size - DOTS), parent } };
}

function fileFields(
  cursor: Cursor,
  { extended, blockSize, where }: { extended: boolean; blockSize: number; where: string },
): Pick<Inode, 'links' | 'size' | 'data' | 'xattrIndex'> {
  const start = extended ? cursor.u64() : cursor.u32();
  const size = extended ? cursor.u64() : undefined;
  if (extended) cursor.u64(); // Bytes of holes.
  const links = extended ? cursor.u32() : 1;
  const [index, offset] = [cursor.u32(), cursor.u32()];
  const attributes = extended ? cursor.u32() : NO_XATTRS;
  const length = size ?? cursor.u32();
  const fragment = index === NO_FRAGMENT ? undefined : { index, offset };
  const count =
    fragment === undefined ? Math.ceil(length / blockSize) : Math.floor(length / blockSize);
  // Each block has four bytes in the table: this check keeps a damaged size from causing a huge allocation.
  const sizes = cursor.take(count * 4);
  const blocks = Array.from({ length: count }, (_, at) => sizes.readUInt32LE(at * 4));
  if (fragment !== undefined && length % blockSize === 0) {
    throw unreadable('a file has an empty tail', where);
  }
  const xattrIndex = attributes === NO_XATTRS ? undefined : attributes;
  return { links, size: length, data: { start, blocks, fragment }, xattrIndex };
}
