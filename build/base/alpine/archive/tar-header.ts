import { damagedArchive } from './damaged.ts';
import { type Extension, nameText, parsePax } from './pax.ts';

/** Size of a header in bytes; contents are padded to a multiple of it. */
export const BLOCK = 512;

/** Maximum number of bytes in the body of a header that describes the next entry (pax, long name). */
const MOST_EXTENSION = 1024 * 1024;

const TYPES = {
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
} as const;

/** Types of the headers in a package that describe the next entry: pax, global pax, GNU long name. */
export const PACKAGE_EXTENSIONS: ReadonlySet<string> = new Set(['x', 'g', 'L']);

/** Types of such headers in any tar, such as those of `tarStream`: also GNU long link target. */
export const TAR_EXTENSIONS: ReadonlySet<string> = new Set([...PACKAGE_EXTENSIONS, 'K']);

/** An entry as described by its header and the extension headers before it. Paths are not checked here. */
export interface TarHeader {
  readonly type: (typeof TYPES)[keyof typeof TYPES];
  /** As written in the archive. */
  readonly name: string;
  /** Target of a link; empty for other types. */
  readonly target: string;
  /** Size in bytes of the content that follows the header. */
  readonly size: number;
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Names of owner and group on the system that made the archive; empty if not recorded. */
  readonly user: string;
  readonly group: string;
  readonly major: number;
  readonly minor: number;
  readonly sha1: string | undefined;
  readonly xattrs: string | undefined;
  readonly attributes: Readonly<Record<string, string>> | undefined;
}

/** Whether a block is part of the end mark of an archive: all its bytes are zero. */
export function isEndMark(block: Buffer): boolean {
  return block[0] === 0 && block.equals(ZEROES);
}

const ZEROES = Buffer.alloc(BLOCK);

/** Size of a content including its padding, in bytes. */
export function padSize(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

/** The fields known of the next entry before any extension header. */
export const NOTHING_KNOWN: Extension = {};

/** A header that describes the next entry; its body is the `size` bytes after it. */
export interface ExtensionHeader {
  readonly letter: string;
  readonly size: number;
}

/**
 * Recognises a header that only describes the next entry.
 * @param extensions types of such headers
 * @returns `undefined` for an entry's own header
 * @throws BuildError if it is damaged or too large
 */
export function extensionHeader(
  block: Buffer,
  where: string,
  extensions = PACKAGE_EXTENSIONS,
): ExtensionHeader | undefined {
  checkSum(block, where);
  const letter = typeOf(block);
  if (!extensions.has(letter)) return undefined;
  const size = octal(block, FIELDS.size, where);
  if (size > MOST_EXTENSION) throw damagedArchive('a pax header is too large', where);
  return { letter, size };
}

/**
 * Adds the fields of an extension header to those already known of the next entry.
 * @throws BuildError if the header's body is malformed
 */
export function addExtension(
  known: Extension,
  letter: string,
  text: Buffer,
  where: string,
): Extension {
  if (letter === 'x') return { ...known, ...parsePax(text, where) };
  if (letter === 'L') return { ...known, path: untilNul(text, where) };
  if (letter === 'K') return { ...known, linkpath: untilNul(text, where) };
  return { ...known };
}

/**
 * Parses an entry's own header (ustar, IEEE Std 1003.1, with the prefix field).
 * @param block one that `extensionHeader` did not recognise
 * @throws BuildError if a field is malformed, or if packages cannot have entries of this type
 */
export function parseHeader(block: Buffer, known: Extension, where: string): TarHeader {
  const name = known.path ?? ustarName(block, where);
  const letter = typeOf(block);
  if (!isType(letter)) {
    throw damagedArchive(
      `${JSON.stringify(name)} is of unknown type ${JSON.stringify(letter)}`,
      where,
    );
  }
  const type = TYPES[letter];
  const isLink = type === 'symlink' || type === 'hardlink';
  const isDevice = type === 'character' || type === 'block';
  return {
    type,
    name,
    target: isLink ? (known.linkpath ?? untilNul(field(block, FIELDS.linkname), where)) : '',
    size: sizeOf(block, known, where),
    mode: octal(block, FIELDS.mode, where) & 0o7777,
    uid: octal(block, FIELDS.uid, where),
    gid: octal(block, FIELDS.gid, where),
    user: untilNul(field(block, FIELDS.uname), where),
    group: untilNul(field(block, FIELDS.gname), where),
    major: isDevice ? octal(block, FIELDS.devmajor, where) : 0,
    minor: isDevice ? octal(block, FIELDS.devminor, where) : 0,
    sha1: known.sha1,
    xattrs: known.xattrs,
    attributes: known.attributes,
  };
}

/**
 * Returns the size of an entry. Refuses a different size in a pax header: only files of 8 GiB and more need one,
 * because their size does not fit the entry's own header.
 */
function sizeOf(block: Buffer, known: Extension, where: string): number {
  const size = octal(block, FIELDS.size, where);
  if (known.size === undefined || known.size === size) return size;
  throw damagedArchive('an entry is larger than any package', where);
}

type Range = readonly [from: number, to: number];

/** Fields of a header: first byte, and the byte after the last. */
const FIELDS = {
  name: [0, 100],
  mode: [100, 108],
  uid: [108, 116],
  gid: [116, 124],
  size: [124, 136],
  checksum: [148, 156],
  linkname: [157, 257],
  uname: [265, 297],
  gname: [297, 329],
  devmajor: [329, 337],
  devminor: [337, 345],
  prefix: [345, 500],
} as const satisfies Record<string, Range>;

const TYPE_AT = 156;

function typeOf(block: Buffer): string {
  return String.fromCharCode(block[TYPE_AT] ?? 0);
}

function isType(letter: string): letter is keyof typeof TYPES {
  return Object.hasOwn(TYPES, letter);
}

function field(block: Buffer, [from, to]: Range): Buffer {
  return block.subarray(from, to);
}

function ustarName(block: Buffer, where: string): string {
  const name = untilNul(field(block, FIELDS.name), where);
  const prefix = untilNul(field(block, FIELDS.prefix), where);
  return prefix === '' ? name : `${prefix}/${name}`;
}

function untilNul(bytes: Buffer, where: string): string {
  const nul = bytes.indexOf(0);
  return nameText(nul < 0 ? bytes : bytes.subarray(0, nul), where);
}

/** Parses octal digits up to a blank, NUL or the field's end; leading blanks are skipped; an empty field is 0. */
function octal(block: Buffer, [from, to]: Range, where: string): number {
  let value = 0;
  let at = from;
  while (at < to && block[at] === 0x20) at += 1;
  for (; at < to; at += 1) {
    const byte = block[at] ?? 0;
    if (byte === 0 || byte === 0x20) break;
    if (byte < 0x30 || byte > 0x37) throw damagedArchive('a header has a malformed number', where);
    value = value * 8 + byte - 0x30;
  }
  return value;
}

/** Compares the checksum with the sum of all bytes, in which the bytes of the checksum field count as blanks. */
function checkSum(block: Buffer, where: string): void {
  const [from, to] = FIELDS.checksum;
  let sum = (to - from) * 0x20;
  for (let at = 0; at < BLOCK; at += 1) {
    if (at < from || at >= to) sum += block[at] ?? 0;
  }
  if (sum !== octal(block, FIELDS.checksum, where)) {
    throw damagedArchive('the checksum of a header is wrong', where);
  }
}
