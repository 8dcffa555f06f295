import { MOST_ENTRIES } from '../../../tree/entry.ts';
import { ByteSource } from './byte-source.ts';
import { damagedArchive } from './damaged.ts';
import { checkComplete, checkRest } from './tar.ts';
import {
  addExtension,
  extensionHeader,
  isEndMark,
  NOTHING_KNOWN,
  PACKAGE_EXTENSIONS,
  padSize,
  parseHeader,
  type TarHeader,
} from './tar-header.ts';

/** An entry of an archive that is being read. */
export interface StreamedEntry {
  readonly header: TarHeader;
  /** The content; the unread rest is skipped when the next entry is requested. */
  readonly content: AsyncGenerator<Buffer>;
}

/**
 * Reads a tar entry by entry as it arrives. The zero blocks at its end may be missing, as apk allows.
 * @param chunks the tar
 * @param where the archive, for messages
 * @param extensions types of headers that describe the next entry
 * @throws BuildError if it is damaged, has too many entries, ends within one, or has data after its end mark
 */
export async function* readTarEntries(
  chunks: AsyncIterable<Buffer>,
  where: string,
  extensions = PACKAGE_EXTENSIONS,
): AsyncGenerator<StreamedEntry> {
  const source = new ByteSource(chunks, where);
  let known = NOTHING_KNOWN;
  let count = 0;
  try {
    for (let block = await source.block(); block !== undefined; block = await source.block()) {
      if (isEndMark(block)) {
        await checkEnd(source, where);
        break;
      }
      const extension = extensionHeader(block, where, extensions);
      if (extension !== undefined) {
        const text = await source.exactly(padSize(extension.size));
        known = addExtension(known, extension.letter, text.subarray(0, extension.size), where);
        continue;
      }
      const header = parseHeader(block, known, where);
      known = NOTHING_KNOWN;
      count += 1;
      if (count > MOST_ENTRIES) throw damagedArchive('it has more entries than any package', where);
      const end = source.position + padSize(header.size);
      yield { header, content: source.upTo(header.size) };
      await source.skip(end - source.position);
    }
    checkComplete(known, where);
  } finally {
    await source.close();
  }
}

async function checkEnd(source: ByteSource, where: string): Promise<void> {
  for (let block = await source.block(); block !== undefined; block = await source.block()) {
    checkRest(block, where);
  }
}
