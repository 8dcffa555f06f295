import { zstdDecompressSync } from 'node:zlib';
import type { Tree } from '../tree/tree.ts';
import { comparePaths, type ExpectedContent } from './compare.ts';
import { Cursor } from './cursor.ts';
import type { ImageNode } from './node.ts';
import { unreadable } from './verdict.ts';

const MAGIC = '070701';
const TRAILER = 'TRAILER!!!';

/** Size of a header in bytes: the magic number and 13 numbers of eight hex digits. */
const HEADER = 110;

/** Type by the upper four bits of `st_mode`; inode(7). */
const TYPES: Readonly<Record<number, ImageNode['type']>> = {
  1: 'fifo',
  2: 'character',
  4: 'directory',
  6: 'block',
  8: 'file',
  10: 'symlink',
  12: 'socket',
};

/** A path of a cpio archive, with its content. */
export interface CpioNode extends ImageNode {
  /** Content of a file; empty for other types. */
  content: Buffer;
}

/**
 * Reads a cpio archive in the "newc" format as the kernel unpacks it (Linux,
 * Documentation/driver-api/early-userspace/buffer-format.rst), but refuses data after its trailer.
 * @param where the archive, for messages
 * @throws BuildError if anything in it violates the format
 */
export function readCpio(archive: Buffer, where: string): CpioNode[] {
  const { nodes, end } = readArchive(archive, where);
  if (end !== archive.length) throw unreadable('it goes on after its end', where);
  return nodes;
}

/** Maximum number of bytes of a decompressed initramfs. */
const LARGEST_INITRAMFS = 1024 * 1024 * 1024;

/** Magic number of a zstd frame (RFC 8878, 3.1.1). */
const ZSTD = 0xfd2f_b528;

/**
 * Reads an initramfs: concatenated cpio archives, of which the last may be compressed with zstd (Linux,
 * Documentation/driver-api/early-userspace/buffer-format.rst).
 * @returns every path once, as in the last archive that has it
 * @throws BuildError if anything in it violates the formats
 */
export function readInitramfs(initramfs: Buffer, where: string): CpioNode[] {
  const paths = new Map<string, CpioNode>();
  for (let rest = initramfs; rest.length > 0; ) {
    if (rest.length >= 4 && rest.readUInt32LE() === ZSTD) rest = decompressed(rest, where);
    const { nodes, end } = readArchive(rest, where);
    for (const node of nodes) paths.set(node.path, node);
    rest = rest.subarray(end);
  }
  return [...paths.values()];
}

function decompressed(bytes: Buffer, where: string): Buffer {
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: LARGEST_INITRAMFS });
  } catch (cause) {
    throw unreadable('it does not decompress', where, cause);
  }
}

/** Reads the archive at the start of some bytes; `end` is the position after it. */
function readArchive(bytes: Buffer, where: string): { nodes: CpioNode[]; end: number } {
  const nodes: CpioNode[] = [];
  const directories = new Set(['']);
  for (let cursor = new Cursor(bytes, 0, where); ; ) {
    const { name, node } = member(cursor, where);
    if (name === TRAILER) return { nodes, end: cursor.at };
    // The kernel does not create parent directories, and silently skips what it cannot create.
    const parent = name.slice(0, Math.max(0, name.lastIndexOf('/')));
    if (!directories.has(parent)) throw unreadable(`/${name} comes before its directory`, where);
    if (node.type === 'directory') directories.add(name);
    nodes.push(node);
  }
}

function member(cursor: Cursor, where: string): { name: string; node: CpioNode } {
  const start = cursor.at;
  const fields = numbers(cursor.take(HEADER), where);
  const [inode = 0, bits = 0, uid = 0, gid = 0, , mtime = 0, size = 0, , , major = 0, minor = 0] =
    fields;
  const nameLength = fields[11] ?? 0;
  if (nameLength === 0) throw unreadable('a name is empty', where);
  const name = cursor.text(nameLength - 1);
  if (cursor.u8() !== 0 || name.includes('\0')) throw unreadable('a name has no end', where);
  skipPadding(cursor, start, where);
  const data = cursor.take(size);
  skipPadding(cursor, start, where);
  const type = name === TRAILER ? 'file' : TYPES[bits >>> 12];
  if (type === undefined) throw unreadable(`/${name} is of unknown type`, where);
  const isFile = type === 'file';
  const node: CpioNode = {
    ...{ path: name, type, mode: bits & 0o7777, uid, gid, mtime, major, minor, inode },
    size: isFile ? size : 0,
    target: type === 'symlink' ? data.toString('utf8') : '',
    attributes: {},
    content: isFile ? data : Buffer.alloc(0),
  };
  return { name, node };
}

function numbers(header: Buffer, where: string): number[] {
  const text = header.toString('latin1');
  if (!text.startsWith(MAGIC))
    throw unreadable('it is not a cpio archive in the newc format', where);
  const digits = text.slice(MAGIC.length);
  if (!/^[0-9a-f]+$/i.test(digits)) throw unreadable('a header has a malformed number', where);
  return Array.from({ length: 13 }, (_, index) =>
    Number.parseInt(digits.slice(index * 8, index * 8 + 8), 16),
  );
}

/** Names and contents are padded to a multiple of four bytes. */
function skipPadding(cursor: Cursor, start: number, where: string): void {
  const padding = cursor.take((4 - ((cursor.at - start) % 4)) % 4);
  if (padding.some((byte) => byte !== 0)) throw unreadable('its padding is not empty', where);
}

/**
 * Compares a cpio archive with the tree that it was made from.
 * @returns the differences, one clause each
 * @throws BuildError if it cannot be read
 */
export function compareCpio(
  archive: Buffer,
  tree: Tree,
  { epoch, where }: Pick<ExpectedContent, 'epoch'> & { where: string },
): string[] {
  const nodes = readCpio(archive, where);
  const { problems, files } = comparePaths(nodes, { entries: tree.entries(), epoch });
  const different = files.filter(({ entry, node }) => !tree.bytes(entry).equals(node.content));
  return [...problems, ...different.map(({ entry }) => `/${entry.path} has other content`)];
}
