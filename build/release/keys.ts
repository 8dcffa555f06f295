import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ExplainedError } from '../explained-error.ts';

/** Longest file of a key that is read, bytes. */
const LONGEST_KEY = 16 * 1024;

/** Bytes of a public key, Ed25519 (RFC 8032). */
export const PUBLIC_KEY_BYTES = 32;

/** Somebody whose releases are taken. */
export interface TrustedKey {
  /** What people call it: its file's name without `.pem`. */
  name: string;
  /** SHA-256 of the public key (SubjectPublicKeyInfo, DER), hex. */
  id: string;
  /** A public key, Ed25519. */
  key: KeyObject;
}

/**
 * @param key private or public
 * @returns SHA-256 of its public key (SubjectPublicKeyInfo, DER), hex
 */
export function keyIdOf(key: KeyObject): string {
  const open = key.type === 'private' ? createPublicKey(key) : key;
  return createHash('sha256')
    .update(open.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/**
 * @param key public, Ed25519
 * @returns its 32 bytes (RFC 8032)
 */
export function rawPublicKey(key: KeyObject): Buffer {
  const { x = '' } = key.export({ format: 'jwk' });
  return Buffer.from(x, 'base64url');
}

/**
 * @param bytes 32 of them (RFC 8032)
 * @returns the public key, Ed25519
 */
export function publicKeyFrom(bytes: Uint8Array): KeyObject {
  const x = Buffer.from(bytes).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}

/**
 * Reads a public key, Ed25519, PEM (RFC 7468, `PUBLIC KEY`).
 * @param name what people call it
 * @param where its file, for errors
 * @throws ExplainedError if it is none; a private key is refused, as it must not go where public keys go
 */
export function readPublicKey(text: string, name: string, where: string): TrustedKey {
  if (text.includes('PRIVATE KEY-----')) {
    throw new ExplainedError({
      what: 'there is a private key where public keys belong',
      where,
      fix: 'Take it away, and put the public key there that qx-build key show prints.',
    });
  }
  // Node makes the public key of a certificate's text, too, which would trust what its issuer never meant.
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
  return { name, id: keyIdOf(key), key };
}

/**
 * @param key private
 * @param name what people call it
 * @returns its public key, as one that is trusted
 */
export function publicKeyOf(key: KeyObject, name: string): TrustedKey {
  return { name, id: keyIdOf(key), key: createPublicKey(key) };
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
 * Reads the keys that are trusted, from a folder: each file that ends in `.pem`, by name.
 * @returns none if there is no such folder; the same key is there once, by its first name
 * @throws ExplainedError if one of them is not a public key, Ed25519, or cannot be read
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

/** Whether the PEM of a private key is encrypted (PKCS#8, `ENCRYPTED PRIVATE KEY`), so that it needs a passphrase. */
export function isEncrypted(text: string): boolean {
  return text.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----');
}

/**
 * Reads a private key, Ed25519, PEM (PKCS#8).
 * @param passphrase for an encrypted one
 * @param where its file, for errors
 * @throws ExplainedError if it is none, or the passphrase is missing or wrong
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
      what: encrypted ? 'the passphrase does not open the key' : 'it is no private key in PEM',
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
