import type { TrustedKeys } from '../signature/keys.ts';
import { checkSignatures, untrusted, wrongSignature } from '../signature/signature.ts';
import { openIndexArchive } from './archive.ts';
import { parseStanzas, type Stanza } from './stanza.ts';

/** A repository's index, signed by a trusted key. */
export interface RepositoryIndex {
  /** The repository's description of itself, such as `v3.17.3-216-g54a39ace82a5004`; empty if absent. */
  readonly description: string;
  readonly packages: readonly Stanza[];
}

/** An index as downloaded, and the trusted keys. */
export interface SignedIndex {
  readonly bytes: Uint8Array;
  readonly keys: TrustedKeys;
  /** The file or address, for messages. */
  readonly where: string;
}

/**
 * Reads an `APKINDEX.tar.gz`. Every byte is verified: the first part must contain only signatures, and one by a trusted
 * key must match everything after it.
 * @throws BuildError if it is damaged, unsigned, not signed by a trusted key, or its signature is wrong
 */
export function readIndex({ bytes, keys, where }: SignedIndex): RepositoryIndex {
  const { signatures, signed, description, text } = openIndexArchive(bytes, where);
  const verdict = checkSignatures(signatures, signed, keys);
  if (verdict === 'untrusted') throw untrusted(signatures, where);
  if (verdict === 'wrong') throw wrongSignature(where);
  return { description, packages: parseStanzas(text, where) };
}
