import { Cursor } from './cursor.ts';
import type { ImageBytes } from './file-range.ts';
import { unreadable } from './verdict.ts';

/** Size of a sector in bytes; logical blocks of the images have the same size. */
const SECTOR = 2048;

/** Sector of the first volume descriptor (ECMA-119, 6.2.1). */
const FIRST_DESCRIPTOR = 16;

/** Flags of a directory record (ECMA-119, 9.1.6). */
const [DIRECTORY, CONTINUED] = [0x02, 0x80];

/** Maximum number of paths, and largest directory in bytes, that are read; a damaged image might have a cycle. */
const [MOST_PATHS, LARGEST_DIRECTORY] = [100_000, 16 * 1024 * 1024];

/** Longest path in Linux, in bytes. */
const LONGEST_PATH = 4095;

/** Type by the upper four bits of `st_mode`; inode(7). */
const TYPES: Readonly<Record<number, IsoNode['type']>> = { 4: 'directory', 8: 'file' };

/** A path of an ISO. */
export interface IsoNode {
  /** Relative, as in a tree. */
  path: string;
  type: 'file' | 'directory';
  /** Permission bits. */
  mode: number;
  uid: number;
  gid: number;
  /** Offset and size of a file's content in bytes. */
  offset: number;
  size: number;
}

/** The structure of an ISO without file contents. */
export interface Iso {
  volumeId: string;
  /** Every path except the root. */
  nodes: IsoNode[];
}

/**
 * Reads every path of an ISO 9660 file system (ECMA-119) with Rock Ridge names and modes (IEEE P1282), as made by
 * `writeIso`: files and directories, no links.
 * @param where the image, for messages
 * @throws BuildError if anything in it violates the formats
 */
export function readIso9660(image: ImageBytes, where: string): Iso {
  const descriptor = new Cursor(image.read(FIRST_DESCRIPTOR * SECTOR, SECTOR), 0, where);
  if (descriptor.take(7).toString('latin1') !== '\x01CD001\x01') {
    throw unreadable('it is not an ISO 9660 file system', where);
  }
  descriptor.take(33);
  const volumeId = descriptor.take(32).toString('latin1').trimEnd();
  descriptor.take(56);
  if (descriptor.u16() !== SECTOR) throw unreadable('its blocks are not of 2048 bytes', where);
  descriptor.take(26);
  const root = recordOf(descriptor.take(34), where);
  const walk = new Walk(image, where);
  walk.enter('', root);
  return { volumeId, nodes: walk.nodes };
}

/** A directory record of a file or directory. */
interface DirectoryRecord {
  /** Name in ISO 9660; `\0` and `\x01` are the directory itself and its parent. */
  identifier: string;
  block: number;
  size: number;
  flags: number;
  /** The Rock Ridge fields. */
  systemUse: Buffer;
}

function recordOf(bytes: Buffer, where: string): DirectoryRecord {
  const cursor = new Cursor(bytes, 1, where);
  const attributeBlocks = cursor.u8();
  const block = bothOrders(cursor) + attributeBlocks;
  const size = bothOrders(cursor);
  cursor.take(7); // Time.
  const flags = cursor.u8();
  cursor.take(6); // Interleaving and volume number.
  const length = cursor.u8();
  const identifier = cursor.take(length).toString('latin1');
  if (length % 2 === 0) cursor.take(1);
  return { identifier, block, size, flags, systemUse: bytes.subarray(cursor.at) };
}

/** Reads a number that is stored little-endian, then big-endian (ECMA-119, 7.3.3). */
function bothOrders(cursor: Cursor): number {
  const value = cursor.u32();
  cursor.take(4);
  return value;
}

class Walk {
  readonly nodes: IsoNode[] = [];
  readonly #image: ImageBytes;
  readonly #where: string;
  readonly #entered = new Set<number>();

  constructor(image: ImageBytes, where: string) {
    this.#image = image;
    this.#where = where;
  }

  enter(folder: string, { block, size }: DirectoryRecord): void {
    if (this.#entered.has(block)) throw this.#damaged('a directory is in two places');
    this.#entered.add(block);
    const names = new Set<string>();
    let before: IsoNode | undefined;
    for (const record of this.#records(block, size)) {
      const node = this.#node(folder, record);
      if (before !== undefined) {
        this.#append(before, node);
      } else {
        if (names.has(node.path)) throw this.#damaged(`/${node.path} is in it twice`);
        names.add(node.path);
        this.nodes.push(node);
        if (this.nodes.length > MOST_PATHS) throw this.#damaged('it has too many paths');
      }
      const isContinued = (record.flags & CONTINUED) !== 0;
      before = isContinued ? (before ?? node) : undefined;
      if (node.type === 'directory') this.enter(node.path, record);
    }
    if (before !== undefined) throw this.#damaged(`/${before.path} has no end`);
  }

  /** A file of 4 GiB or more has several records, whose contents are contiguous. */
  #append(before: IsoNode, { path, type, offset, size }: IsoNode): void {
    const follows = path === before.path && offset === before.offset + before.size;
    if (!follows || type !== 'file') throw this.#damaged(`/${before.path} is in pieces`);
    before.size += size;
  }

  /** Records do not cross sector boundaries; the rest of a sector is zero (ECMA-119, 6.8.1.1). */
  *#records(block: number, size: number): Generator<DirectoryRecord> {
    if (size > LARGEST_DIRECTORY) throw this.#damaged('a directory is too long');
    const bytes = this.#image.read(block * SECTOR, size);
    for (let at = 0; at < size; ) {
      const length = bytes[at] ?? 0;
      if (length === 0) {
        at = (Math.floor(at / SECTOR) + 1) * SECTOR;
        continue;
      }
      const record = recordOf(bytes.subarray(at, at + length), this.#where);
      at += length;
      if (record.identifier !== '\0' && record.identifier !== '\x01') yield record;
    }
  }

  #node(folder: string, { block, size, flags, systemUse }: DirectoryRecord): IsoNode {
    const { name, mode, uid, gid } = this.#rockRidge(systemUse);
    if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) {
      throw this.#damaged(`${JSON.stringify(name)} is not a valid name`);
    }
    const path = folder === '' ? name : `${folder}/${name}`;
    if (path.length > LONGEST_PATH) throw this.#damaged('a path is too long');
    const type = TYPES[mode >>> 12];
    if (type === undefined || (type === 'directory') !== ((flags & DIRECTORY) !== 0)) {
      throw this.#damaged(`/${path} is neither a file nor a directory`);
    }
    const place = { offset: block * SECTOR, size: type === 'file' ? size : 0 };
    if (place.offset + place.size > this.#image.size) throw this.#damaged(`/${path} is cut off`);
    return { path, type, mode: mode & 0o7777, uid, gid, ...place };
  }

  /**
   * Reads name, mode and owner (IEEE P1282, 4.1.1, 4.1.4) from a record's fields and their continuation (P1281, 5.1).
   */
  #rockRidge(systemUse: Buffer): Pick<IsoNode, 'mode' | 'uid' | 'gid'> & { name: string } {
    const found = { mode: 0, uid: 0, gid: 0 };
    const names: Buffer[] = [];
    const seen = new Set<number>();
    for (let area: Buffer | undefined = systemUse; area !== undefined; ) {
      let next: Buffer | undefined;
      for (let at = 0; at + 4 <= area.length; ) {
        const length = area[at + 2] ?? 0;
        if (length < 4) break;
        const signature = area.toString('latin1', at, at + 2);
        const field = new Cursor(area.subarray(at, at + length), 4, this.#where);
        at += length;
        if (signature === 'NM') {
          field.u8();
          names.push(field.take(length - 5));
        } else if (signature === 'PX') {
          const [mode, , uid, gid] = [0, 1, 2, 3].map(() => bothOrders(field));
          Object.assign(found, { mode, uid, gid });
        } else if (signature === 'CE') {
          const [block = 0, offset = 0, size = 0] = [0, 1, 2].map(() => bothOrders(field));
          const from = block * SECTOR + offset;
          if (seen.has(from)) throw this.#damaged('a record goes in a circle');
          seen.add(from);
          next = this.#image.read(from, Math.min(size, SECTOR));
        }
      }
      area = next;
    }
    const bytes = Buffer.concat(names);
    return { ...found, name: new Cursor(bytes, 0, this.#where).text(bytes.length) };
  }

  #damaged(what: string): Error {
    return unreadable(what, this.#where);
  }
}
