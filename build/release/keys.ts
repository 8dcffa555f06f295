import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ExplainedError } from '../explained-error.ts';

/** Longest key file that is read, in bytes. */
const LONGEST_KEY = 16 * 1024;

/** Size of an Ed25519 public key in bytes (RFC 8032). */
export const PUBLIC_KEY_BYTES = 32;

/** A public key whose releases are accepted. */
export interface TrustedKey {
  /** Name shown to people: that of its file without `.pem`. */
  name: string;
  /** SHA-256 of the public key (SubjectPublicKeyInfo, DER), hex. */
  id: string;
  /** The Ed25519 public key. */
  key: KeyObject;
}

/**
 * Returns the id of a key.
 * @param key private or public key
 * @returns SHA-256 of its public key (SubjectPublicKeyInfo, DER), hex
 */
export function computeKeyId(key: KeyObject): string {
  const open = key.type === 'private' ? createPublicKey(key) : key;
  return createHash('sha256')
    .update(open.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/**
 * Returns the raw bytes of a key.
 * @param key Ed25519 public key
 * @returns its 32 bytes (RFC 8032)
 */
export function encodeRawPublicKey(key: KeyObject): Buffer {
  const { x = '' } = key.export({ format: 'jwk' });
  return Buffer.from(x, 'base64url');
}

/**
 * Makes a key from its raw bytes.
 * @param bytes 32 bytes (RFC 8032)
 * @returns the Ed25519 public key
 */
export function makePublicKey(bytes: Uint8Array): KeyObject {
  const x = Buffer.from(bytes).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}

/**
 * Reads an Ed25519 public key in PEM (RFC 7468, `PUBLIC KEY`).
 * @param name name shown to people
 * @param where its file, for errors
 * @throws ExplainedError if it is not one; a private key is refused, because it must not be published
 */
export function readPublicKey(text: string, name: string, where: string): TrustedKey {
  if (text.includes('PRIVATE KEY-----')) {
    throw new ExplainedError({
      what: 'there is a private key in the folder of public keys',
      where,
      fix: 'Remove it, and put the public key there that qx-build key show prints.',
    });
  }
  // Node also accepts the text of a certificate, which was not issued for this purpose.
  const blocks = text.match(/-----BEGIN [A-Z0-9 ]+-----/g) ?? [];
  if (text.length > LONGEST_KEY || blocks.join() !== '-----BEGIN PUBLIC KEY-----') {
    throw noKey(where);
  }
  let key: KeyObject;
  try {
    key = createPublicKey({ key: text, format: 'pem' });
  } catch (cause) {
    throw noKey(where, cause);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw noKey(where);
  return { name, id: computeKeyId(key), key };
}

/**
 * Returns the public key of a private key as a trusted key.
 * @param key private key
 * @param name name shown to people
 */
export function derivePublicKey(key: KeyObject, name: string): TrustedKey {
  return { name, id: computeKeyId(key), key: createPublicKey(key) };
}

function noKey(where: string, cause?: unknown): ExplainedError {
  return new ExplainedError({
    what: 'it is not one public key, Ed25519, in PEM',
    where,
    fix: 'Make a pair with qx-build key new, and take the public one.',
    cause,
  });
}

/**
 * Reads the trusted keys in a folder: all files that end in `.pem`, sorted by name.
 * @returns none if the folder does not exist; a key with several files is returned once, with its first name
 * @throws ExplainedError if one of them is not an Ed25519 public key, or cannot be read
 */
export async function readTrustedKeys(folder: string): Promise<TrustedKey[]> {
  const names = await namesIn(folder);
  const keys = new Map<string, TrustedKey>();
  for (const file of names.filter((name) => name.endsWith('.pem')).toSorted()) {
    const path = join(folder, file);
    const text = await readFile(path, 'utf8').catch((cause: unknown) => {
      throw new ExplainedError({ what: 'the key cannot be read', where: path, cause });
    });
    const key = readPublicKey(text, basename(file, '.pem'), path);
    if (!keys.has(key.id)) keys.set(key.id, key);
  }
  return [...keys.values()];
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
    throw new ExplainedError({ what: 'the folder of keys cannot be read', where: folder, cause });
  }
}

/** Whether the PEM of a private key is encrypted (PKCS#8, `ENCRYPTED PRIVATE KEY`) and thus needs a passphrase. */
export function isEncrypted(text: string): boolean {
  return text.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----');
}

/**
 * Reads an Ed25519 private key in PEM (PKCS#8).
 * @param passphrase passphrase of an encrypted key
 * @param where its file, for errors
 * @throws ExplainedError if it is not one, or the passphrase is missing or wrong
 */
export function readPrivateKey(
  text: string,
  { passphrase, where }: { passphrase?: string | undefined; where: string },
): KeyObject {
  const encrypted = isEncrypted(text);
  if (encrypted && passphrase === undefined) {
    throw new ExplainedError({
      what: 'the key is encrypted, and there is no passphrase',
      where,
      fix: 'Give its passphrase.',
    });
  }
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: text, format: 'pem', ...(encrypted && { passphrase }) });
  } catch (cause) {
    throw new ExplainedError({
      what: encrypted ? 'the passphrase does not open the key' : 'it is not a private key in PEM',
      where,
      fix: encrypted ? 'Check the passphrase.' : 'Make one with qx-build key new.',
      cause,
    });
  }
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw new ExplainedError({
    what: `it is a key of ${key.asymmetricKeyType ?? 'an unknown kind'}, not Ed25519`,
    where,
    fix: 'Make one with qx-build key new.',
  });
}
