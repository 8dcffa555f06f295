import { createHash } from 'node:crypto';
import { BuildError } from '../../error.ts';

/** Size in bytes of a SHA-1 and of a SHA-256. */
export const SHA1_BYTES = 20;
export const SHA256_BYTES = 32;

/**
 * Formats a checksum as apk writes it: `Q1` and a SHA-1 in base64, or `Q2` and a SHA-256. The identity of a package
 * (`C:` in an index) is the checksum of its compressed control part; files have one too (`Z:`).
 * @param digest 20 or 32 bytes, or their hex
 */
export function formatChecksum(digest: Buffer | string): string {
  const bytes = typeof digest === 'string' ? Buffer.from(digest, 'hex') : digest;
  return `Q${bytes.length === SHA256_BYTES ? 2 : 1}${bytes.toString('base64')}`;
}

/**
 * Returns the identity of the package with this control part.
 * @param like an identity of the kind to return, `Q1…` or `Q2…`; SHA-1 by default
 */
export function computeIdentity(compressedControl: Uint8Array, like = 'Q1'): string {
  const algorithm = like.startsWith('Q2') ? 'sha256' : 'sha1';
  return formatChecksum(createHash(algorithm).update(compressedControl).digest());
}

/**
 * Returns the SHA-1 in a checksum of apk.
 * @returns lower-case hex
 * @throws BuildError if it is not `Q1` followed by 28 characters of base64
 */
export function decodeChecksum(text: string, where: string): string {
  const bytes = Buffer.from(text.slice(2), 'base64');
  if (/^Q1[A-Za-z0-9+/]{27}=$/.test(text) && formatChecksum(bytes) === text)
    return bytes.toString('hex');
  throw new BuildError({
    what: `${JSON.stringify(text.slice(0, 60))} is not a checksum as apk writes it (Q1…)`,
    where,
    fix: 'The file is damaged; fetch it again or use another mirror.',
  });
}
