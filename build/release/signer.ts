import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { ExplainedError } from '../explained-error.ts';

/** Size of an Ed25519 signature in bytes (RFC 8032). */
export const SIGNATURE_BYTES = 64;

/** Anything that signs with an Ed25519 private key: a key file, an agent, a program. */
export interface Signer {
  /** Name for errors: the key's file, `ssh-agent`, the command. */
  name: string;
  /** Its Ed25519 public key. */
  key: KeyObject;
  /** Signs bytes with pure Ed25519 (RFC 8032). The result is unverified; use `signBy`, which verifies it. */
  sign: (bytes: Uint8Array) => Promise<Uint8Array>;
}

/** Makes a signer from an Ed25519 private key in this process. */
export function makeKeySigner(secret: KeyObject, name = 'the key'): Signer {
  const key = createPublicKey(secret);
  return { name, key, sign: async (bytes) => sign(null, bytes, secret) };
}

/**
 * Signs bytes and verifies the signature. Ed25519 signatures are deterministic.
 * @returns 64 bytes that the signer's public key verifies
 * @throws ExplainedError if the signer returns anything else
 */
export async function signBy(signer: Signer, bytes: Uint8Array): Promise<Buffer> {
  const signature = await signer.sign(bytes);
  if (signature.length === SIGNATURE_BYTES && verify(null, bytes, signer.key, signature)) {
    return Buffer.from(signature);
  }
  throw new ExplainedError({
    what: `what it returned is not a signature that its public key verifies: ${signature.length} bytes`,
    where: signer.name,
    fix: 'It has to sign the bytes as they are, with Ed25519, and with the private key that belongs to the public one.',
  });
}
