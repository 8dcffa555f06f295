import { damagedArchive, MOST_METADATA, refuseVersion3 } from '../archive/damaged.ts';
import { readMember } from '../archive/gzip.ts';
import { readTarBuffer, type TarEntry } from '../archive/tar.ts';
import { readSignatures, SIGNATURE_PREFIX, type Signature } from '../signature/signature.ts';

/** The contents of an `APKINDEX.tar.gz`, not verified yet. */
export interface IndexArchive {
  readonly signatures: readonly Signature[];
  /** All bytes after the signatures; these are what the signatures cover. */
  readonly signed: Uint8Array;
  /** Text of `DESCRIPTION`; empty if absent. */
  readonly description: string;
  /** Text of `APKINDEX`. */
  readonly text: string;
}

/**
 * Opens an index: gzip members, first those with signatures, then one with a tar that contains `APKINDEX`. The result
 * is not trusted yet: `readIndex` checks the signature.
 * @param where the file, for messages
 * @throws BuildError if it is damaged, in another format, too large, or has data after its end
 */
export function openIndexArchive(bytes: Uint8Array, where: string): IndexArchive {
  refuseVersion3(bytes, where);
  const signatures: Signature[] = [];
  for (let start = 0; start < bytes.length; ) {
    const member = readMember({ bytes, start, most: MOST_METADATA, where });
    if (member === undefined) throw damagedArchive('it is truncated', where);
    const { entries, ended } = readTarBuffer(member.content, where);
    if (entries[0]?.header.name.startsWith(SIGNATURE_PREFIX) !== true) {
      if (member.end !== bytes.length) throw damagedArchive('something follows its end', where);
      return { signatures, signed: bytes.subarray(start), ...contents(entries, where) };
    }
    if (ended) throw damagedArchive('an end mark follows its signature', where);
    signatures.push(...readSignatures(entries, where));
    start = member.end;
  }
  throw damagedArchive('there is no index in it', where);
}

function contents(entries: readonly TarEntry[], where: string) {
  const textOf = (name: string) =>
    entries
      .find(({ header }) => header.name === name && header.type === 'file')
      ?.content.toString('utf8');
  const text = textOf('APKINDEX');
  if (text === undefined) throw damagedArchive('there is no APKINDEX in it', where);
  return { description: textOf('DESCRIPTION')?.trim() ?? '', text };
}
