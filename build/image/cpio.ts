import { createReadStream } from 'node:fs';
import { BuildError } from '../error.ts';
import type { Entry } from '../tree/entry.ts';
import type { Tree } from '../tree/tree.ts';

/** File type bits of `st_mode`; inode(7). */
const TYPE_BITS = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  character: 0o020000,
  block: 0o060000,
  fifo: 0o010000,
} as const;

/** Bytes per read. */
const CHUNK = 1024 * 1024;

/** Maximum number of bytes of an initramfs: both the kernel and the builder hold it in memory. */
const LARGEST = 512 * 1024 * 1024;

/**
 * Writes a tree as a cpio archive in the "newc" format, which the kernel unpacks as initramfs (Linux,
 * Documentation/driver-api/early-userspace/buffer-format.rst). The same tree gives the same bytes.
 * @param epoch time stamp of every entry, in seconds since 1970
 * @throws BuildError on a hard link, on extended attributes, or if the files have more than 512 MiB; no file is read
 *   then
 */
export function makeCpioArchive(tree: Tree, epoch: number): Buffer {
  const parts: Buffer[] = [];
  const entries = tree.entries().map(fitting);
  assertSmall(entries);
  entries.forEach((entry, index) => {
    parts.push(...member(tree, entry, { inode: index + 1, epoch }));
  });
  parts.push(TRAILER);
  return Buffer.concat(parts);
}

/** A file of an archive, or a directory if it has no content; owned by root. */
export interface CpioMember {
  path: string;
  /** Permission bits. */
  mode: number;
  /** The content in memory, or a file on the host with its size in bytes; absent for a directory. */
  content?: Buffer | { file: string; size: number };
}

/** Maximum number of bytes of a file in an archive: what eight hex digits can express. */
const LARGEST_MEMBER = 2 ** 32 - 1;

/** Returns the size of the output of `streamCpio` in bytes. @throws BuildError if a file has 4 GiB or more */
export function computeCpioSize(members: readonly CpioMember[]): number {
  const sizes = members.map((member, index) => {
    const size = sizeOf(member);
    return memberHeader(member, index, 0).length + size + pad(size).length;
  });
  return sizes.reduce((sum, size) => sum + size, TRAILER.length);
}

/**
 * Writes files and directories as an archive without holding it in memory; see `makeCpioArchive`.
 * @param members files and directories, each after the directory that contains it
 * @param epoch time stamp of every entry, in seconds since 1970
 * @throws if a file on the host cannot be read, or its size has changed
 */
export async function* streamCpio(
  members: readonly CpioMember[],
  epoch: number,
): AsyncGenerator<Buffer> {
  for (const [index, member] of members.entries()) {
    const { content = Buffer.alloc(0) } = member;
    yield memberHeader(member, index, epoch);
    const size = sizeOf(member);
    let read = 0;
    for await (const chunk of Buffer.isBuffer(content)
      ? [content]
      : createReadStream(content.file, { highWaterMark: CHUNK })) {
      read += chunk.length;
      yield chunk;
    }
    if (read !== size) throw new Error(`${member.path} has ${read} bytes, and not ${size}`);
    yield pad(size);
  }
  yield TRAILER;
}

function sizeOf({ content }: CpioMember): number {
  if (content === undefined) return 0;
  return Buffer.isBuffer(content) ? content.length : content.size;
}

function memberHeader(member: CpioMember, index: number, epoch: number): Buffer {
  const type = member.content === undefined ? 'directory' : 'file';
  if (sizeOf(member) > LARGEST_MEMBER) {
    throw new BuildError({
      what: `${member.path} has ${sizeOf(member)} bytes, and a file in a cpio archive has less than 4 GiB`,
      fix: 'Leave the format netboot out (--format).',
    });
  }
  return header(member.path, {
    inode: index + 1,
    mode: TYPE_BITS[type] | member.mode,
    nlink: type === 'directory' ? 2 : 1,
    mtime: epoch,
    size: sizeOf(member),
  });
}

function member(tree: Tree, entry: Fitting, { inode, epoch }: { inode: number; epoch: number }) {
  const data = dataOf(tree, entry);
  const fields = {
    inode,
    mode: TYPE_BITS[entry.type] | entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    nlink: entry.type === 'directory' ? 2 : 1,
    mtime: epoch,
    size: data.length,
    ...('major' in entry ? { rdevmajor: entry.major, rdevminor: entry.minor } : {}),
  };
  return [header(entry.path, fields), data, pad(data.length)];
}

/** Entries that the format can express. */
type Fitting = Exclude<Entry, { type: 'hardlink' }>;

function fitting(entry: Entry): Fitting {
  if (entry.type === 'hardlink' || entry.attributes !== undefined) {
    throw new BuildError({
      what: `${entry.path} cannot go into an initramfs`,
      where: entry.origin,
      fix: 'It can hold neither hard links nor extended attributes.',
    });
  }
  return entry;
}

function assertSmall(entries: readonly Fitting[]): void {
  const files = entries.filter((entry) => entry.type === 'file').sort((a, b) => b.size - a.size);
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const [largest] = files;
  if (largest === undefined || size <= LARGEST) return;
  throw new BuildError({
    what: `the initramfs would have ${size} bytes, of which ${largest.path} has ${largest.size}; it may have ${LARGEST}`,
    where: largest.origin,
    fix: 'Put what is not needed to find the medium into the root filesystem.',
  });
}

function dataOf(tree: Tree, entry: Fitting): Buffer {
  if (entry.type === 'file') return tree.bytes(entry);
  return entry.type === 'symlink' ? Buffer.from(entry.target) : Buffer.alloc(0);
}

interface Fields {
  inode: number;
  mode: number;
  uid: number;
  gid: number;
  nlink: number;
  mtime: number;
  size: number;
  rdevmajor: number;
  rdevminor: number;
}

function header(name: string, fields: Partial<Fields>): Buffer {
  const { inode = 0, mode = 0, uid = 0, gid = 0, nlink = 0 } = fields;
  const { mtime = 0, size = 0, rdevmajor = 0, rdevminor = 0 } = fields;
  const nameBytes = Buffer.from(`${name}\0`);
  const values = [inode, mode, uid, gid, nlink, mtime, size, 0, 0, rdevmajor, rdevminor];
  const digits = [...values, nameBytes.length, 0].map((value) =>
    value.toString(16).padStart(8, '0'),
  );
  const text = Buffer.from(`070701${digits.join('')}`);
  return Buffer.concat([text, nameBytes, pad(text.length + nameBytes.length)]);
}

function pad(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}

/** The record that ends an archive. */
const TRAILER = header('TRAILER!!!', { nlink: 1 });
