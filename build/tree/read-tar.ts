import { once } from 'node:events';
import { Parser, type ReadEntry } from 'tar';
import { BuildError } from '../error.ts';
import type { Entry } from './entry.ts';
import { treePath } from './path.ts';
import type { EntrySink } from './sink.ts';

/** Most that one archive may hold: bytes of content, and entries. More is taken for an attack. */
export const MOST_BYTES = 8 * 1024 ** 3;
export const MOST_ENTRIES = 500_000;

/**
 * Reads an uncompressed tar into a sink, entry by entry, as fast as the sink takes it.
 * @param stream the tar (POSIX.1 pax, ustar or GNU)
 * @param where the archive, for messages
 * @throws BuildError if it is truncated, damaged, larger than any package, or holds what a package must not:
 *   names that leave the tree, or entries of unknown type
 */
export async function readTar(
  stream: AsyncIterable<Uint8Array>,
  sink: EntrySink,
  where: string,
): Promise<void> {
  const reading = new TarReading(sink, where);
  const parser = new Parser({ strict: true, onReadEntry: (entry) => reading.take(entry) });
  let [failure, complete]: [Error | undefined, boolean] = [undefined, false];
  parser.on('error', (error: Error) => {
    failure ??= error;
  });
  parser.on('ignoredEntry', (entry: ReadEntry) => {
    failure ??= new Error(`${entry.path} is of unknown type`);
  });
  parser.on('eof', () => {
    complete = true;
  });
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (!parser.write(bytes) && !complete)
      await Promise.race([once(parser, 'drain'), reading.failed]);
    if (failure !== undefined) throw damaged(failure, where);
  }
  const ended = failure === undefined ? once(parser, 'end') : Promise.resolve();
  parser.end();
  await Promise.race([ended.catch(() => undefined), reading.failed]);
  if (failure !== undefined) throw damaged(failure, where);
  await reading.done();
  if (!complete) throw damaged(new Error('it ends before its end mark'), where);
}

/** What every entry has. */
type Head = Pick<Entry, 'path' | 'mode' | 'uid' | 'gid' | 'origin'>;

/** Takes the entries of one archive, one after the other. */
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

  /** Resolves when every entry taken so far is in the sink. */
  done(): Promise<void> {
    return this.#last;
  }

  take(entry: ReadEntry): void {
    this.#last = this.#last.then(() => this.#one(entry));
    this.#last.catch((error: unknown) => this.#failure.reject(error));
  }

  async #one(entry: ReadEntry): Promise<void> {
    this.#count(entry);
    const path = treePath(entry.path, this.#where);
    const head: Head = {
      path,
      mode: (entry.mode ?? 0) & 0o7777,
      uid: entry.uid ?? 0,
      gid: entry.gid ?? 0,
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
    if (this.#entries <= MOST_ENTRIES && this.#bytes <= MOST_BYTES && entry.size >= 0) return;
    throw damaged(new Error('it is larger than any package'), this.#where);
  }
}

function specialEntry(entry: ReadEntry, head: Head): Exclude<Entry, { type: 'file' }> {
  const target = entry.linkpath ?? '';
  const device = { major: entry.header?.devmaj ?? 0, minor: entry.header?.devmin ?? 0 };
  switch (entry.type) {
    case 'Directory':
      return { ...head, type: 'directory' };
    case 'SymbolicLink':
      return { ...head, type: 'symlink', target };
    case 'Link':
      return { ...head, type: 'hardlink', target: treePath(target, head.origin) };
    case 'CharacterDevice':
      return { ...head, ...device, type: 'character' };
    case 'BlockDevice':
      return { ...head, ...device, type: 'block' };
    case 'FIFO':
      return { ...head, type: 'fifo' };
    default:
      throw damaged(new Error(`${head.path} is of unknown type ${entry.type}`), head.origin);
  }
}

function damaged(cause: Error, where: string): BuildError {
  return new BuildError({
    what: `archive is damaged: ${cause.message}`,
    where,
    fix: 'It is damaged or hostile; nothing was taken from it.',
    cause,
  });
}
