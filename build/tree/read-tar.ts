import { once } from 'node:events';
import { Parser, type ReadEntry } from 'tar';
import { BuildError } from '../error.ts';
import { type Entry, MOST_BYTES, MOST_ENTRIES } from './entry.ts';
import { parseTreePath } from './path.ts';
import type { EntrySink } from './sink.ts';

/** Largest uid or gid; (uid_t) -1 means "unchanged" (chown(2)). */
const LARGEST_ID = 0xffff_fffe;

/** First byte of gzip data, which the parser would decompress without the limits here. */
const GZIP = 0x1f;

/**
 * Reads an uncompressed tar into a sink, entry by entry, no faster than the sink accepts them.
 * @param stream the tar (POSIX.1 pax, ustar or GNU)
 * @param where the archive, for messages
 * @throws BuildError if it is truncated, damaged, compressed, larger than any package, or contains something that
 *   packages must not: names outside the tree, entries of unknown type, or extended attributes
 */
export async function readTar(
  stream: AsyncIterable<Uint8Array>,
  sink: EntrySink,
  where: string,
): Promise<void> {
  const reading = new TarReading(sink, where);
  const onReadEntry = (entry: ReadEntry) => reading.take(entry);
  const parser = new Parser({ strict: true, zstd: false, onReadEntry });
  let [failure, complete, read]: [Error | undefined, boolean, number] = [undefined, false, 0];
  parser.on('error', (error: Error) => {
    failure ??= error;
  });
  parser.on('ignoredEntry', ({ path, type }: ReadEntry) => {
    failure ??= new Error(`${path} is of type ${type}, which is unknown or too large`);
  });
  parser.on('meta', (text: string) => {
    const [attribute] = /(?:SCHILY|LIBARCHIVE)\.xattr\.[^=]*/.exec(text) ?? [];
    // dpkg does not set them either, so a program that depends on them is broken on every Debian.
    if (attribute !== undefined) failure ??= new Error(`it has extended attributes (${attribute})`);
  });
  parser.on('eof', () => {
    complete = true;
  });
  for await (const chunk of stream) {
    if (read === 0 && chunk[0] === GZIP) throw damaged(new Error('it is compressed'), where);
    read += chunk.length;
    if (read > MOST_BYTES) throw damaged(new Error(TOO_LARGE), where);
    if (complete) continue;
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (!parser.write(bytes) && !complete)
      await Promise.race([once(parser, 'drain'), reading.failed]);
    if (failure !== undefined) throw damaged(failure, where);
  }
  if (complete) return reading.done();
  const ended = failure === undefined ? once(parser, 'end') : Promise.resolve();
  parser.end();
  await Promise.race([ended.catch(() => undefined), reading.failed]);
  if (failure !== undefined) throw damaged(failure, where);
  await reading.done();
  if (!complete) throw damaged(new Error('it ends before its end mark'), where);
}

/** Fields that every entry has. */
type Head = Pick<Entry, 'path' | 'mode' | 'uid' | 'gid' | 'origin'>;

/** Converts the entries of one archive, one after the other. */
class TarReading {
  readonly #sink: EntrySink;
  readonly #where: string;
  readonly #failure = Promise.withResolvers<never>();
  #last: Promise<void> = Promise.resolve();
  #entries = 0;
  #bytes = 0;

  constructor(sink: EntrySink, where: string) {
    this.#sink = sink;
    this.#where = where;
    this.#failure.promise.catch(() => undefined);
  }

  /** Rejects as soon as an entry is refused. */
  get failed(): Promise<never> {
    return this.#failure.promise;
  }

  /** Resolves when every entry received so far is in the sink. */
  done(): Promise<void> {
    return this.#last;
  }

  take(entry: ReadEntry): void {
    this.#last = this.#last.then(() => this.#one(entry));
    this.#last.catch((error: unknown) => this.#failure.reject(error));
  }

  async #one(entry: ReadEntry): Promise<void> {
    this.#count(entry);
    const path = parseTreePath(entry.path, this.#where);
    const head: Head = {
      path,
      mode: (entry.mode ?? 0) & 0o7777,
      uid: checkedId(entry.uid ?? 0, entry, this.#where),
      gid: checkedId(entry.gid ?? 0, entry, this.#where),
      origin: this.#where,
    };
    if (entry.type === 'File' || entry.type === 'OldFile' || entry.type === 'ContiguousFile') {
      await this.#sink.file({ ...head, type: 'file', size: entry.size }, entry);
      return;
    }
    entry.resume();
    if (path !== '') this.#sink.add(specialEntry(entry, head));
  }

  #count(entry: ReadEntry): void {
    this.#entries += 1;
    this.#bytes += entry.size;
    if (!Number.isSafeInteger(entry.size) || this.#bytes > MOST_BYTES) {
      throw damaged(new Error(TOO_LARGE), this.#where);
    }
    if (this.#entries > MOST_ENTRIES) throw damaged(new Error(TOO_LARGE), this.#where);
  }
}

const TOO_LARGE = 'it is larger than any package';

function checkedId(id: number, { path }: ReadEntry, where: string): number {
  if (Number.isSafeInteger(id) && id >= 0 && id <= LARGEST_ID) return id;
  throw damaged(new Error(`${path} has the owner ${id}`), where);
}

function specialEntry(entry: ReadEntry, head: Head): Exclude<Entry, { type: 'file' }> {
  const target = entry.linkpath ?? '';
  switch (entry.type) {
    case 'Directory':
      return { ...head, type: 'directory' };
    case 'SymbolicLink':
      return { ...head, type: 'symlink', target };
    case 'Link':
      return { ...head, type: 'hardlink', target: parseTreePath(target, head.origin) };
    case 'CharacterDevice':
      return { ...head, ...deviceOf(entry, head), type: 'character' };
    case 'BlockDevice':
      return { ...head, ...deviceOf(entry, head), type: 'block' };
    case 'FIFO':
      return { ...head, type: 'fifo' };
    default:
      throw damaged(new Error(`${head.path} is of unknown type ${entry.type}`), head.origin);
  }
}

/** The parser reads device numbers in POSIX archives only. For GNU archives it returns 0, 0, which no device has. */
function deviceOf({ header }: ReadEntry, { path, origin }: Head): { major: number; minor: number } {
  const { devmaj: major = 0, devmin: minor = 0 } = header ?? {};
  if ([major, minor].every((part) => Number.isSafeInteger(part) && part >= 0) && major > 0) {
    return { major, minor };
  }
  throw damaged(new Error(`${path} is a device without a number`), origin);
}

function damaged(cause: Error, where: string): BuildError {
  return new BuildError({
    what: `archive is damaged: ${cause.message}`,
    where,
    fix: 'It is damaged or hostile; nothing was taken from it.',
    cause,
  });
}
