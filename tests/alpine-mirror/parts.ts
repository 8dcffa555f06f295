import { createHash } from 'node:crypto';
import type { Entry } from '../../build/tree/entry.ts';
import { gzipMember } from './gzip.ts';
import { type SignatureKind, type SigningKey, signature } from './key.ts';
import { paxEntry, type TarFields, tarEntry, tarHeader } from './tar.ts';

/** The part of a package or index with its signature: a gzip member with one file, without end mark. */
export function signaturePart(
  signed: Uint8Array,
  key: SigningKey,
  kind: SignatureKind = 'RSA',
): Buffer {
  const name = `.SIGN.${kind}.${key.name}`;
  return gzipMember(tarEntry({ name, mode: 0o644 }, signature(signed, key, kind)));
}

/** The control part: `.PKGINFO`, then scripts (name without the dot → text), without end mark. */
export function controlPart(
  pkginfo: string,
  scripts: Readonly<Record<string, string>> = {},
): Buffer {
  return gzipMember(
    Buffer.concat([
      tarEntry({ name: '.PKGINFO', mode: 0o644 }, pkginfo),
      ...Object.entries(scripts).map(([name, text]) =>
        tarEntry({ name: `.${name}`, mode: 0o755 }, text),
      ),
    ]),
  );
}

const TYPES = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
} as const;

/**
 * The headers before the content of an entry: a pax header with the checksum and a long name, if any, and the entry's
 * own header.
 * @param sha1 of a file's content, hex
 */
export function entryHeaders(entry: Entry, sha1?: string): Buffer {
  const name = entry.type === 'directory' ? `${entry.path}/` : entry.path;
  const target = 'target' in entry ? entry.target : '';
  const checksum =
    entry.type === 'symlink' ? createHash('sha1').update(target).digest('hex') : sha1;
  const records = {
    ...(checksum === undefined ? {} : { 'APK-TOOLS.checksum.SHA1': checksum }),
    ...(Buffer.byteLength(name) > 100 ? { path: name } : {}),
    ...(Buffer.byteLength(target) > 100 ? { linkpath: target } : {}),
    ...Object.fromEntries(
      Object.entries(entry.attributes ?? {}).map(([attribute, hex]) => [
        `SCHILY.xattr.${attribute}`,
        Buffer.from(hex, 'hex'),
      ]),
    ),
  };
  const { mode, uid, gid } = entry;
  const fields: TarFields = { name, type: TYPES[entry.type], mode, uid, gid, target };
  const device = 'major' in entry ? { major: entry.major, minor: entry.minor } : {};
  const size = entry.type === 'file' ? entry.size : 0;
  const header = tarHeader({ ...fields, ...device, size });
  return Object.keys(records).length === 0 ? header : Buffer.concat([paxEntry(records), header]);
}
