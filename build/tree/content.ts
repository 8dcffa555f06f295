import { closeSync, openSync, readSync } from 'node:fs';
import { BuildError } from '../error.ts';
import { assertUnchanged } from '../process/hashed-file.ts';
import type { Content, FileEntry } from './entry.ts';

/**
 * Maximum number of files that a `ContentReader` keeps open; the files of a root filesystem come from a few hundred
 * archives.
 */
const MOST_OPEN = 512;

/** Maximum number of bytes per read. */
const MOST_READ = 1024 * 1024 * 1024;

/** Size in bytes of the largest file that is read whole, and of the pieces in which files are compared. */
const LARGEST_WHOLE = 128 * 1024 * 1024;
const PIECE = 1024 * 1024;

/**
 * Reads file contents of a tree at any offset, keeping the underlying archives open.
 * Synchronous on purpose: the archives are in the page cache, and a read is a copy from memory.
 */
export class ContentReader implements Disposable {
  readonly #open = new Map<string, number>();

  /**
   * Copies bytes `[from, from + into.length)` of a file into `into`.
   * @throws BuildError if the file behind the entry is gone or shorter than the entry says
   */
  read(entry: FileEntry, from: number, into: Uint8Array): void {
    const got = this.#copy(entry, from, into);
    if (got === into.length) return;
    throw new BuildError({
      what: `${entry.path} ends ${into.length - got} bytes early`,
      where: placeOf(entry),
      fix: 'The file changed during the build; run it again.',
    });
  }

  #copy({ content }: FileEntry, from: number, into: Uint8Array): number {
    if (content.in === 'memory') {
      const slice = content.bytes.subarray(from, from + into.length);
      into.set(slice);
      return slice.length;
    }
    const descriptor = this.#descriptor(content);
    if (content.in === 'hashed') assertUnchanged(content.file, descriptor);
    const start = content.in === 'file' ? content.offset : 0;
    // One read returns at most 2 GiB, and may return fewer bytes than asked for (read(2)).
    for (let done = 0; ; ) {
      const at = start + from + done;
      const got = readSync(descriptor, into, done, Math.min(into.length - done, MOST_READ), at);
      done += got;
      if (got === 0 || done === into.length) return done;
    }
  }

  /**
   * Returns the whole content of a file.
   * @throws BuildError if it is larger than any file that has to be read whole
   */
  bytes(entry: FileEntry): Buffer {
    if (entry.size > LARGEST_WHOLE) {
      throw new BuildError({
        what: `/${entry.path} has ${entry.size} bytes, more than a file of its kind has`,
        where: placeOf(entry),
        fix: 'Leave it out, or give it another name.',
      });
    }
    const bytes = Buffer.allocUnsafe(entry.size);
    this.read(entry, 0, bytes);
    return bytes;
  }

  /** Returns the whole content of a file as UTF-8. */
  text(entry: FileEntry): string {
    return this.bytes(entry).toString('utf8');
  }

  /** Whether two files have the same content. */
  equal(a: FileEntry, b: FileEntry): boolean {
    if (a.size !== b.size) return false;
    const [pieceOfA, pieceOfB] = [Buffer.allocUnsafe(PIECE), Buffer.allocUnsafe(PIECE)];
    for (let from = 0; from < a.size; from += PIECE) {
      const length = Math.min(PIECE, a.size - from);
      const [ofA, ofB] = [pieceOfA.subarray(0, length), pieceOfB.subarray(0, length)];
      this.read(a, from, ofA);
      this.read(b, from, ofB);
      if (!ofA.equals(ofB)) return false;
    }
    return true;
  }

  #descriptor(content: Exclude<Content, { in: 'memory' }>): number {
    const file = content.in === 'file' ? content.file : content.file.path;
    const known = this.#open.get(file);
    if (known !== undefined) return known;
    if (this.#open.size >= MOST_OPEN) this[Symbol.dispose]();
    const opened = openOrExplain(file);
    this.#open.set(file, opened);
    return opened;
  }

  [Symbol.dispose](): void {
    for (const descriptor of this.#open.values()) closeSync(descriptor);
    this.#open.clear();
  }
}

/** Describes where a file's bytes are, for messages. */
function placeOf({ content, origin }: FileEntry): string {
  if (content.in === 'memory') return origin;
  return content.in === 'file' ? content.file : content.file.path;
}

function openOrExplain(file: string): number {
  try {
    return openSync(file, 'r');
  } catch (cause) {
    throw new BuildError({
      what: 'a file that the build reads from cannot be opened',
      where: file,
      fix: 'It changed during the build; run it again.',
      cause,
    });
  }
}
