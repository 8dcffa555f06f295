import { damagedArchive } from './damaged.ts';
import type { Extension } from './pax.ts';
import {
  addExtension,
  BLOCK,
  extensionHeader,
  isEndMark,
  NOTHING_KNOWN,
  padSize,
  parseHeader,
  type TarHeader,
} from './tar-header.ts';

/** An entry of an archive in memory. */
export interface TarEntry {
  readonly header: TarHeader;
  readonly content: Buffer;
}

/** The entries of an archive in memory, and whether it has an end mark (zero blocks). */
export interface TarContents {
  readonly entries: readonly TarEntry[];
  readonly ended: boolean;
}

/**
 * Reads a tar in memory: the signature or control part of a package, or an index. The first two have no end mark,
 * because apk reads all parts of a package as one tar.
 * @param where the archive, for messages
 * @throws BuildError if it is damaged, ends within an entry, or has data after its end mark
 */
export function readTarBuffer(bytes: Buffer, where: string): TarContents {
  const entries: TarEntry[] = [];
  let known = NOTHING_KNOWN;
  let at = 0;
  const take = (size: number): Buffer => {
    if (at + size > bytes.length) throw endsWithin(where);
    const taken = bytes.subarray(at, at + size);
    at += size;
    return taken;
  };
  while (at < bytes.length) {
    const block = take(BLOCK);
    if (isEndMark(block)) {
      checkComplete(known, where);
      checkRest(bytes.subarray(at), where);
      return { entries, ended: true };
    }
    const extension = extensionHeader(block, where);
    if (extension !== undefined) {
      const text = take(padSize(extension.size)).subarray(0, extension.size);
      known = addExtension(known, extension.letter, text, where);
      continue;
    }
    const header = parseHeader(block, known, where);
    known = NOTHING_KNOWN;
    entries.push({ header, content: take(padSize(header.size)).subarray(0, header.size) });
  }
  checkComplete(known, where);
  return { entries, ended: false };
}

/**
 * Refuses data after the end mark, other than more zero blocks.
 * @throws BuildError if there is other data
 */
export function checkRest(bytes: Buffer, where: string): void {
  if (bytes.length % BLOCK === 0 && bytes.every((byte) => byte === 0)) return;
  throw damagedArchive('something follows the end mark of a tar', where);
}

/**
 * Refuses an archive that ends between an extension header and its entry.
 * @throws BuildError if the archive ends there
 */
export function checkComplete(known: Extension, where: string): void {
  if (known !== NOTHING_KNOWN) throw endsWithin(where);
}

/** Returns the error for an archive that ends within an entry. */
export function endsWithin(where: string): Error {
  return damagedArchive('it ends within an entry', where);
}
