import { Cursor } from '../cursor.ts';
import type { ImageNode } from '../node.ts';
import { unreadable } from '../verdict.ts';
import { selectDecompressor } from './decompress.ts';
import { type FileData, type Inode, type Listing, parseInode } from './inode.ts';
import { Metadata, type ReadAt, readTable, type Source } from './metadata.ts';
import { parseSuperblock, SUPERBLOCK_SIZE, type Superblock } from './superblock.ts';
import { readXattrs, type Xattrs } from './xattrs.ts';

/** A path of a squashfs. */
export interface SquashfsNode extends ImageNode {
  /** Only for files. */
  data: FileData | undefined;
}

/** A block that contains the ends of several files. */
export interface Fragment {
  start: number;
  /** Stored size, with the flag for compression. */
  stored: number;
}

/** The structure of a squashfs without file contents. */
export interface Squashfs {
  superblock: Superblock;
  nodes: SquashfsNode[];
  fragments: Fragment[];
  source: Source;
}

const ID_SIZE = 4;
const FRAGMENT_SIZE = 16;
const MOST_NAMES_AT_ONCE = 256;

/**
 * Reads every path of a squashfs 4.0 file system; `visitContents` reads the contents.
 * @param read reads bytes, relative to the superblock
 * @param where the image, for messages
 * @throws BuildError if anything in it violates the format
 */
export async function readSquashfs(read: ReadAt, where: string): Promise<Squashfs> {
  const superblock = parseSuperblock(new Cursor(read(0, SUPERBLOCK_SIZE), 0, where), where);
  const decompress = await selectDecompressor(superblock.compression, where);
  const source = { read, decompress, where };
  const { inodeTable, directoryTable, fragmentTable, exportTable, idTable, xattrTable } =
    superblock;
  const fragments = await readTable(source, fragmentTable, superblock.fragments * FRAGMENT_SIZE);
  const ids = await readTable(source, idTable, superblock.ids * ID_SIZE);
  const exported =
    exportTable === undefined ? ids.start : new Cursor(read(exportTable, 8), 0, where).u64();
  const directoriesEnd = superblock.fragments > 0 ? fragments.start : exported;
  const walk = new Walk({
    superblock,
    inodes: await Metadata.read(source, inodeTable, directoryTable),
    directories: await Metadata.read(source, directoryTable, directoriesEnd),
    ids: Array.from({ length: superblock.ids }, () => ids.table.u32()),
    xattrs: xattrTable === undefined ? [] : await readXattrs(source, xattrTable),
    where,
  });
  const nodes = walk.nodes();
  if (walk.inodeCount !== superblock.inodes) {
    throw unreadable(`it has ${walk.inodeCount} inodes and claims ${superblock.inodes}`, where);
  }
  return {
    ...{ superblock, nodes, source },
    fragments: Array.from({ length: superblock.fragments }, () => {
      const start = fragments.table.u64();
      const stored = fragments.table.u32();
      fragments.table.u32(); // Unused.
      return { start, stored };
    }),
  };
}

interface Tables {
  superblock: Superblock;
  inodes: Metadata;
  directories: Metadata;
  ids: readonly number[];
  xattrs: Xattrs;
  where: string;
}

/** A name in a directory. */
interface Name {
  name: string;
  typeNumber: number;
  /** Position of its inode. */
  place: { block: number; offset: number };
}

/** Visits all names, starting at the root directory. */
class Walk {
  readonly #tables: Tables;
  /** Inode number → its link count, and the number of names found. */
  readonly #names = new Map<number, { claimed: number; found: number }>();

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  get inodeCount(): number {
    return this.#names.size;
  }

  nodes(): SquashfsNode[] {
    const { root } = this.#tables.superblock;
    const inode = this.#inode(root.block, root.offset);
    if (inode.type !== 'directory') throw this.#damaged('its root is not a directory');
    const nodes = [this.#node('', inode)];
    this.#enter('', inode, nodes);
    for (const { claimed, found } of this.#names.values()) {
      if (claimed !== found) throw this.#damaged(`a file claims ${claimed} names and has ${found}`);
    }
    return nodes;
  }

  #enter(path: string, { listing, inode: number }: Inode, nodes: SquashfsNode[]): void {
    if (listing === undefined) return;
    for (const { name, typeNumber, place } of this.#namesIn(listing)) {
      const child = this.#inode(place.block, place.offset);
      if (child.typeNumber !== typeNumber) throw this.#damaged(`${name} is of two types`);
      const childPath = path === '' ? name : `${path}/${name}`;
      nodes.push(this.#node(childPath, child));
      if (child.listing === undefined) continue;
      if (child.listing.parent !== number) throw this.#damaged(`${childPath} has another parent`);
      this.#enter(childPath, child, nodes);
    }
  }

  #inode(block: number, offset: number): Inode {
    const { inodes, superblock, where } = this.#tables;
    const inode = parseInode(inodes.from(block, offset), superblock.blockSize, where);
    const known = this.#names.get(inode.inode);
    // A directory that is reached twice would cause an endless loop.
    if (known !== undefined && inode.type === 'directory')
      throw this.#damaged('a directory is in two places');
    if (known !== undefined) known.found += 1;
    else
      this.#names.set(inode.inode, {
        claimed: inode.type === 'directory' ? 1 : inode.links,
        found: 1,
      });
    return inode;
  }

  #node(path: string, inode: Inode): SquashfsNode {
    const { ids, xattrs } = this.#tables;
    const [uid, gid] = [ids[inode.uidIndex], ids[inode.gidIndex]];
    const attributes = inode.xattrIndex === undefined ? {} : xattrs[inode.xattrIndex];
    if (uid === undefined || gid === undefined || attributes === undefined) {
      throw this.#damaged(`${path} names an owner or attributes that are not there`);
    }
    const { type, mode, mtime, size, target, major, minor, data, inode: number } = inode;
    const numbers = { mode, uid, gid, mtime, size, major, minor, inode: number };
    return { path, type, ...numbers, target, attributes, data };
  }

  /** Reads a directory's names (`struct squashfs_dir_header`, `squashfs_dir_entry`), which must be in byte order. */
  *#namesIn(listing: Listing): Generator<Name> {
    if (listing.size === 0) return;
    const cursor = this.#tables.directories.from(listing.block, listing.offset);
    const end = cursor.at + listing.size;
    let before: Buffer = Buffer.alloc(0);
    while (cursor.at < end) {
      const count = cursor.u32() + 1;
      const block = cursor.u32();
      cursor.u32(); // Base of the entries' inode numbers.
      if (count > MOST_NAMES_AT_ONCE) throw this.#damaged('a directory is too long');
      for (let left = count; left > 0; left -= 1) {
        const offset = cursor.u16();
        cursor.i16();
        const typeNumber = cursor.u16();
        const name = cursor.text(cursor.u16() + 1);
        const bytes = Buffer.from(name);
        if (cursor.at > end) throw this.#damaged('a directory is too long');
        if (name === '.' || name === '..' || /[/\0]/.test(name))
          throw this.#damaged(`${JSON.stringify(name)} is not a valid name`);
        // The kernel uses binary search for names.
        if (before.compare(bytes) >= 0) throw this.#damaged(`${name} is not in byte order`);
        before = bytes;
        yield { name, typeNumber, place: { block, offset } };
      }
    }
    if (cursor.at !== end) throw this.#damaged('a directory is too long');
  }

  #damaged(what: string): Error {
    return unreadable(what, this.#tables.where);
  }
}
