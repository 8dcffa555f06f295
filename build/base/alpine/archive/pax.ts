import { createHash } from 'node:crypto';
import { damagedArchive } from './damaged.ts';

/** Fields that extension headers set for the next entry; they override its own header. */
export interface Extension {
  readonly path?: string | undefined;
  readonly linkpath?: string | undefined;
  /** Size of the content in bytes. */
  readonly size?: number | undefined;
  /** SHA-1 of the content, or of a symbolic link's target: lower-case hex. */
  readonly sha1?: string | undefined;
  /** SHA-1 of the extended attributes as apk computes it, lower-case hex. */
  readonly xattrs?: string | undefined;
  /** The extended attributes: name → value in hex. */
  readonly attributes?: Readonly<Record<string, string>> | undefined;
}

const XATTR = 'SCHILY.xattr.';
const CHECKSUM = 'APK-TOOLS.checksum.SHA1';

/**
 * Parses the records of a pax extended header, `<length> <key>=<value>\n` each (IEEE Std 1003.1, pax). apk uses the
 * records with names, with its own checksum and with extended attributes. Values are bytes; only names must be UTF-8.
 * @param where the archive, for messages
 * @throws BuildError on a malformed record, or a checksum that is not a SHA-1
 */
export function parsePax(bytes: Buffer, where: string): Extension {
  let extension: Extension = {};
  const attributes: Attribute[] = [];
  for (const { key, value } of records(bytes, where)) {
    if (key === 'path') extension = { ...extension, path: nameText(value, where) };
    else if (key === 'linkpath') extension = { ...extension, linkpath: nameText(value, where) };
    else if (key === CHECKSUM) extension = { ...extension, sha1: checksum(value, where) };
    else if (key === 'size') extension = { ...extension, size: Number(value.toString('latin1')) };
    else if (key.startsWith(XATTR)) attributes.push({ name: key.slice(XATTR.length), value });
  }
  if (attributes.length === 0) return extension;
  const values = attributes.map(({ name, value }) => [name, value.toString('hex')] as const);
  return { ...extension, xattrs: digest(attributes), attributes: Object.fromEntries(values) };
}

interface Attribute {
  name: string;
  value: Buffer;
}

function* records(bytes: Buffer, where: string): Generator<{ key: string; value: Buffer }> {
  for (let at = 0; at < bytes.length; ) {
    const blank = bytes.indexOf(0x20, at);
    const digits = bytes.toString('latin1', at, Math.min(blank, at + 8));
    const end = at + Number(digits);
    const equals = bytes.indexOf(0x3d, blank);
    const wellFormed =
      blank > at &&
      /^[1-9]\d*$/.test(digits) &&
      equals > blank &&
      equals < end &&
      bytes[end - 1] === 0x0a;
    if (!wellFormed) throw damagedArchive('a pax header is malformed', where);
    yield {
      key: bytes.toString('utf8', blank + 1, equals),
      value: bytes.subarray(equals + 1, end - 1),
    };
    at = end;
  }
}

/**
 * Decodes a name in an archive.
 * @throws BuildError if it is not UTF-8
 */
export function nameText(bytes: Uint8Array, where: string): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  if (!text.includes('\ufffd') || Buffer.from(text).equals(bytes)) return text;
  throw damagedArchive(`name ${JSON.stringify(text.slice(0, 120))} is not UTF-8`, where);
}

function checksum(value: Buffer, where: string): string {
  const text = value.toString('latin1').toLowerCase();
  if (/^[0-9a-f]{40}$/.test(text)) return text;
  throw damagedArchive('a checksum in a pax header is not a SHA-1', where);
}

/**
 * Returns the SHA-1 of all attributes, sorted by name: for each, the length and the bytes of its name, then of its
 * value. Lengths are 32-bit big-endian.
 */
function digest(attributes: Attribute[]): string {
  const hash = createHash('sha1');
  const add = (bytes: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  };
  const sorted = attributes.map(({ name, value }) => ({ name: Buffer.from(name), value }));
  for (const { name, value } of sorted.sort((a, b) => a.name.compare(b.name))) {
    add(name);
    add(value);
  }
  return hash.digest('hex');
}
