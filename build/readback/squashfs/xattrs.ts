import { Cursor } from '../cursor.ts';
import { unreadable } from '../verdict.ts';
import { Metadata, readTable, type Source } from './metadata.ts';

/** Namespaces by number (Linux, fs/squashfs/squashfs_fs.h, `SQUASHFS_XATTR_USER` and others). */
const SPACES: Readonly<Record<number, string>> = { 0: 'user.', 1: 'trusted.', 2: 'security.' };
/** Flag: the value is stored elsewhere, because several files have the same value. */
const ELSEWHERE = 0x100;
const ID_SIZE = 16;
const LARGEST_VALUE = 65_536;

/** Extended attributes by the index in inodes: name → value in hex. */
export type Xattrs = readonly Readonly<Record<string, string>>[];

/**
 * Reads the extended attributes of a file system.
 * @param at position of their header (`struct squashfs_xattr_id_table`)
 * @throws BuildError if they cannot be read
 */
export async function readXattrs(source: Source, at: number): Promise<Xattrs> {
  const { where } = source;
  const header = new Cursor(source.read(at, ID_SIZE), 0, where);
  const [start, count] = [header.u64(), header.u32()];
  const ids = await readTable(source, at + ID_SIZE, count * ID_SIZE, at);
  const values = await Metadata.read(source, start, ids.start);
  return Array.from({ length: count }, () => {
    const place = ids.table.u64();
    const pairs = ids.table.u32();
    ids.table.u32(); // Size of the attributes for listxattr(2).
    const cursor = values.from(Math.floor(place / 2 ** 16), place % 2 ** 16);
    const attributes: Record<string, string> = {};
    for (let left = pairs; left > 0; left -= 1) {
      const kind = cursor.u16();
      const space = SPACES[kind & ~ELSEWHERE];
      if (space === undefined) throw unreadable('an extended attribute is of unknown kind', where);
      const name = cursor.text(cursor.u16());
      const length = cursor.u32();
      if (length > LARGEST_VALUE) throw unreadable('an extended attribute is too large', where);
      const value = cursor.take(length);
      attributes[space + name] = (
        (kind & ELSEWHERE) === 0 ? value : elsewhere(values, value, where)
      ).toString('hex');
    }
    return attributes;
  });
}

function elsewhere(values: Metadata, reference: Buffer, where: string): Buffer {
  if (reference.length !== 8) throw unreadable('an extended attribute has no place', where);
  const offset = reference.readUInt16LE(0);
  const cursor = values.from(Number(reference.readBigUInt64LE() >> 16n), offset);
  return cursor.take(cursor.u32());
}
