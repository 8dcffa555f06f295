import { createHash } from 'node:crypto';
import { BuildError } from '../../error.ts';

/**
 * The identity of a package (`C:` of an index): `Q1` and the SHA-1, in base64, of its compressed control part.
 * apk writes checksums of files (`Z:`) in the same way.
 * @param sha1 20 bytes, or their hex
 */
export function checksumText(sha1: Buffer | string): string {
  const bytes = typeof sha1 === 'string' ? Buffer.from(sha1, 'hex') : sha1;
  return `Q1${bytes.toString('base64')}`;
}

/** The identity of a package with this control part. */
export function identityOf(compressedControl: Uint8Array): string {
  return checksumText(createHash('sha1').update(compressedControl).digest());
}

/**
 * The SHA-1 in a checksum that apk wrote.
 * @returns lower-case hex
 * @throws BuildError if it is not of the form `Q1` and 28 characters of base64
 */
export function checksumHex(text: string, where: string): string {
  const bytes = Buffer.from(text.slice(2), 'base64');
  if (/^Q1[A-Za-z0-9+/]{27}=$/.test(text) && checksumText(bytes) === text)
    return bytes.toString('hex');
  throw new BuildError({
    what: `${JSON.stringify(text.slice(0, 60))} is not a checksum as apk writes it (Q1…)`,
    where,
    fix: 'The file is damaged; fetch it again or use another mirror.',
  });
}
