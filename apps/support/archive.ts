import { Header } from 'tar/header';

const BLOCK = 512;

/** A file in an archive. */
export interface ArchiveEntry {
  /** ASCII, at most 99 characters. */
  name: string;
  text: string;
}

/** Yields the bytes of an archive in POSIX format (ustar): all files are owned by root and have the same time. */
export async function* tarOf(
  entries: AsyncIterable<ArchiveEntry>,
  time: Date,
): AsyncGenerator<Buffer> {
  for await (const { name, text } of entries) {
    const content = Buffer.from(text, 'utf8');
    const header = new Header({
      path: name,
      mode: 0o600,
      uid: 0,
      gid: 0,
      size: content.length,
      mtime: time,
      type: 'File',
    });
    const block = Buffer.alloc(BLOCK);
    if (header.encode(block)) throw new Error(`${name} is not a valid file name for an archive`);
    yield block;
    yield content;
    yield Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
  }
  yield Buffer.alloc(2 * BLOCK);
}
