import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { ExplainedError } from '../explained-error.ts';

/** Bytes of a signature, Ed25519 (RFC 8032). */
export const SIGNATURE_BYTES = 64;

/** Whatever holds a private key, Ed25519, and signs with it: a file's key, an agent, a program. */
export interface Signer {
  /** What it is, for errors: the key's file, `ssh-agent`, the command. */
  name: string;
  /** Its public key, Ed25519. */
  key: KeyObject;
  /**
   * Signs bytes as they are, with pure Ed25519 (RFC 8032). What it answers is not believed before it was checked:
   * call `signBy`.
   */
  sign: (bytes: Uint8Array) => Promise<Uint8Array>;
}

/** A signer that is a private key, Ed25519, of this process. */
export function keySigner(secret: KeyObject, name = 'the key'): Signer {
  const key = createPublicKey(secret);
  return { name, key, sign: async (bytes) => sign(null, bytes, secret) };
}

/**
 * A signature of some bytes; the same each time, as Ed25519 has it.
 * @returns 64 bytes that the signer's public key verifies
 * @throws ExplainedError if the signer answers anything else
 */
export async function signBy(signer: Signer, bytes: Uint8Array): Promise<Buffer> {
  const signature = await signer.sign(bytes);
  if (signature.length === SIGNATURE_BYTES && verify(null, bytes, signer.key, signature)) {
    return Buffer.from(signature);
  }
  throw new ExplainedError({
    what: `what it returned is no signature by its public key: ${signature.length} bytes`,
    where: signer.name,
    fix: 'It has to sign the bytes as they are, with Ed25519, and with the private key that belongs to the public one.',
  });
}
