import type { TrustedKeys } from '../signature/keys.ts';
import { judge, untrusted, wrongSignature } from '../signature/signature.ts';
import { openIndexArchive } from './archive.ts';
import { parseStanzas, type Stanza } from './stanza.ts';

/** A repository's index that a trusted key signed. */
export interface RepositoryIndex {
  /** What the repository says of itself, such as `v3.17.3-216-g54a39ace82a5004`; empty if nothing. */
  readonly description: string;
  readonly packages: readonly Stanza[];
}

/** An index as it came, and who may have signed it. */
export interface SignedIndex {
  readonly bytes: Uint8Array;
  readonly keys: TrustedKeys;
  /** The file or address, for messages. */
  readonly where: string;
}

/**
 * Reads an `APKINDEX.tar.gz`. Every byte is covered: the first part must be nothing but signatures, and one by a
 * trusted key must fit everything after it.
 * @throws BuildError if it is damaged, unsigned, or signed by no trusted key, or its signature is wrong
 */
export function readIndex({ bytes, keys, where }: SignedIndex): RepositoryIndex {
  const { signatures, signed, description, text } = openIndexArchive(bytes, where);
  const verdict = judge(signatures, signed, keys);
  if (verdict === 'untrusted') throw untrusted(signatures, where);
  if (verdict === 'wrong') throw wrongSignature(where);
  return { description, packages: parseStanzas(text, where) };
}
