import { createPrivateKey, createSign, type KeyObject } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { Header } from 'tar';
import type { LockedPackage } from '../../../contract/lock.ts';
import { BuildError } from '../../../error.ts';
import { SIGNATURE_PREFIX } from '../signature/signature.ts';

const BLOCK = 512;

/** Fields of a stanza in apk's order; other fields follow by letter. */
const ORDER = 'CPVASITULomtckDpi';

/** The key that signs an index. */
export interface Signer {
  /** File name of the public key in `/etc/apk/keys`: `me@example.org-1.rsa.pub`. */
  readonly keyName: string;
  /** The RSA private key. */
  readonly privateKey: KeyObject;
}

/**
 * Reads the private key that signs indexes.
 * @param where its file, for errors
 * @throws BuildError if it is not an RSA private key without a passphrase
 */
export function readIndexKey(text: string, where: string): KeyObject {
  let key: KeyObject | undefined;
  let cause: unknown;
  try {
    key = createPrivateKey(text);
  } catch (error) {
    cause = error;
  }
  if (key?.asymmetricKeyType === 'rsa') return key;
  throw new BuildError({
    what: 'the key cannot sign: it is not an RSA private key in PEM without a passphrase',
    where,
    fix: 'Make one: openssl genrsa -out me.rsa 4096',
    cause,
  });
}

/** Formats the plain text of an index of packages: stanzas of `X:value` lines, sorted by name. */
export function indexText(packages: readonly LockedPackage[]): string {
  const sorted = packages.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return sorted.map(({ name, apk }) => stanza(name, apk)).join('');
}

/**
 * Makes an `APKINDEX.tar.gz` (apk v2): a gzip member with the signature (PKCS#1 v1.5 with SHA-1, as abuild makes it),
 * and a gzip member with the index. The same content, time and key give the same bytes.
 * @param epoch time stamp of its entries, in seconds since 1970
 */
export function makeSignedIndex(
  { text, description, epoch }: { text: string; description: string; epoch: number },
  { keyName, privateKey }: Signer,
): Buffer {
  const index = gzip([
    ...member('DESCRIPTION', Buffer.from(description), epoch),
    ...member('APKINDEX', Buffer.from(text), epoch),
    Buffer.alloc(2 * BLOCK),
  ]);
  const signature = createSign('RSA-SHA1').update(index).sign(privateKey);
  return Buffer.concat([
    gzip(member(`${SIGNATURE_PREFIX}RSA.${keyName}`, signature, epoch)),
    index,
  ]);
}

function stanza(name: string, fields: LockedPackage['apk']): string {
  if (fields === undefined) {
    throw new BuildError({ what: `the lock lacks the index entry of ${name}` });
  }
  const rank = (letter: string) => {
    const place = ORDER.indexOf(letter);
    return place < 0 ? ORDER.length : place;
  };
  const lines = Object.entries(fields).sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
  return `${lines.map(([letter, value]) => `${letter}:${value}\n`).join('')}\n`;
}

function member(path: string, content: Buffer, epoch: number): Buffer[] {
  const header = Buffer.alloc(BLOCK);
  const mtime = new Date(epoch * 1000);
  const owner = { uid: 0, gid: 0, uname: 'root', gname: 'root' };
  new Header({ path, mode: 0o644, size: content.length, mtime, type: 'File', ...owner }).encode(
    header,
    0,
  );
  return [header, content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)];
}

function gzip(parts: readonly Buffer[]): Buffer {
  return gzipSync(Buffer.concat(parts), { level: 9 });
}
