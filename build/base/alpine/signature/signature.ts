import { verify } from 'node:crypto';
import { BuildError } from '../../../error.ts';
import { damagedArchive } from '../archive/damaged.ts';
import type { TarEntry } from '../archive/tar.ts';
import type { TrustedKeys } from './keys.ts';

/** Start of the names of all signatures. */
export const SIGNATURE_PREFIX = '.SIGN.';

/** What follows the prefix → digest of an RSA signature (PKCS #1 v1.5). */
const DIGESTS: ReadonlyMap<string, string> = new Map([
  ['RSA', 'sha1'],
  ['RSA256', 'sha256'],
  ['RSA512', 'sha512'],
]);

/** A signature over the bytes that follow it in an index, or over the control part of a package. */
export interface Signature {
  /** Name of the digest as node:crypto knows it; `undefined` for kinds that are not understood, as DSA. */
  readonly digest: string | undefined;
  /** File name of the key. */
  readonly key: string;
  readonly bytes: Buffer;
}

/**
 * The signatures in the first part of an archive: files `.SIGN.<kind>.<key>`.
 * @throws BuildError if there is anything else in that part
 */
export function signaturesOf(entries: readonly TarEntry[], where: string): Signature[] {
  return entries.map(({ header, content }) => {
    const match = /^\.SIGN\.([^./]+)\.([^/]+)$/.exec(header.name);
    if (match === null || header.type !== 'file') {
      throw damagedArchive(`${JSON.stringify(header.name)} is among the signatures`, where);
    }
    const [, kind = '', key = ''] = match;
    return { digest: DIGESTS.get(kind), key, bytes: content };
  });
}

/** A signature by a trusted key, and whether it fits. */
export type Verdict = 'valid' | 'wrong' | 'untrusted';

/**
 * Checks the first signature that a trusted key is known for, as apk does; further ones are not looked at.
 * @param signed the bytes that were signed
 * @returns `untrusted` if no key is known for any of them
 */
export function judge(
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

/** The error for a signature that does not fit what it should sign. */
export function wrongSignature(where: string): BuildError {
  return new BuildError({
    what: 'its signature is wrong: it was changed, or signed by another key of that name',
    where,
    fix: 'Nothing was taken from it; fetch it again or use another mirror.',
  });
}

/** The error for what no trusted key signed. */
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
