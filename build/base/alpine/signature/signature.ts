import { verify } from 'node:crypto';
import { BuildError } from '../../../error.ts';
import { damagedArchive } from '../archive/damaged.ts';
import type { TarEntry } from '../archive/tar.ts';
import type { TrustedKeys } from './keys.ts';

/** Prefix of the names of all signatures. */
export const SIGNATURE_PREFIX = '.SIGN.';

/** Text after the prefix → digest of an RSA signature (PKCS #1 v1.5). */
const DIGESTS: ReadonlyMap<string, string> = new Map([
  ['RSA', 'sha1'],
  ['RSA256', 'sha256'],
  ['RSA512', 'sha512'],
]);

/** A signature of the data that follows it in an index, or of the control part of a package. */
export interface Signature {
  /** Name of the digest in node:crypto; `undefined` for unsupported kinds, such as DSA. */
  readonly digest: string | undefined;
  /** File name of the key. */
  readonly key: string;
  readonly bytes: Buffer;
}

/**
 * Reads the signatures in the first part of an archive: files `.SIGN.<kind>.<key>`.
 * @throws BuildError if that part contains anything else
 */
export function readSignatures(entries: readonly TarEntry[], where: string): Signature[] {
  return entries.map(({ header, content }) => {
    const match = /^\.SIGN\.([^./]+)\.([^/]+)$/.exec(header.name);
    if (match === null || header.type !== 'file') {
      throw damagedArchive(
        `${JSON.stringify(header.name)} does not belong among the signatures`,
        where,
      );
    }
    const [, kind = '', key = ''] = match;
    return { digest: DIGESTS.get(kind), key, bytes: content };
  });
}

/** Whether a signature by a trusted key exists, and whether it matches. */
export type Verdict = 'valid' | 'wrong' | 'untrusted';

/**
 * Checks the first signature by a trusted key, as apk does; later signatures are ignored.
 * @param signed the bytes that were signed
 * @returns `untrusted` if no signature is by a trusted key
 */
export function checkSignatures(
  signatures: readonly Signature[],
  signed: Uint8Array,
  keys: TrustedKeys,
): Verdict {
  for (const { digest, key, bytes } of signatures) {
    const known = keys.get(key);
    if (digest === undefined || known === undefined) continue;
    return verify(digest, signed, known, bytes) ? 'valid' : 'wrong';
  }
  return 'untrusted';
}

/** Returns the error for a signature that does not match the signed data. */
export function wrongSignature(where: string): BuildError {
  return new BuildError({
    what: 'its signature is wrong: it was changed, or signed by another key of that name',
    where,
    fix: 'Nothing was taken from it; fetch it again or use another mirror.',
  });
}

/** Returns the error for data that no trusted key has signed. */
export function untrusted(signatures: readonly Signature[], where: string): BuildError {
  const names = signatures.map(({ key }) => key);
  return new BuildError({
    what:
      names.length === 0
        ? 'it is not signed'
        : `it is signed by ${names.join(', ')}, which is not a trusted key`,
    where,
    fix: 'Nothing was taken from it. If the repository is yours, add its public key to the trusted ones.',
  });
}
