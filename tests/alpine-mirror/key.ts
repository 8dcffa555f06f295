import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** A key pair of a repository. */
export interface SigningKey {
  /** File name of the public key, as signatures name it. */
  readonly name: string;
  readonly privateKey: KeyObject;
  /** Public key, PEM. */
  readonly pem: string;
}

/** Makes a key. This takes some time, so the tests of a file share one. */
export function makeKey(name: string): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { name, privateKey, pem: publicKey.export({ type: 'spki', format: 'pem' }).toString() };
}

export type SignatureKind = 'RSA' | 'RSA256' | 'RSA512';

const DIGESTS = { RSA: 'sha1', RSA256: 'sha256', RSA512: 'sha512' } as const;

/** A signature, PKCS #1 v1.5. */
export function signature(
  signed: Uint8Array,
  key: SigningKey,
  kind: SignatureKind = 'RSA',
): Buffer {
  return sign(DIGESTS[kind], signed, key.privateKey);
}
