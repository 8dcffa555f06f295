import { existsSync, statSync } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PackageArchive } from '../base/base.ts';
import { BuildError } from '../error.ts';
import { hashFile } from '../process/hash-file.ts';
import type { Entry, FileEntry } from '../tree/entry.ts';
import type { EntrySink } from '../tree/sink.ts';
import { decodeIndex, encodeIndex } from './opened-index.ts';

/** Counts up when the form of opened packages, or what a reader makes of an archive, changes. */
const FORMAT = 1;

/** Bytes collected before they are written. */
const BUFFER = 1024 * 1024;

/** Reads an archive into entries: `Base.open`. */
export type Opener = (
  archive: PackageArchive,
  sink: EntrySink,
  signal?: AbortSignal,
) => Promise<void>;

/**
 * Packages that were opened: the contents of a package's files one after the other in one uncompressed file,
 * and an index of its entries. An archive is decompressed once; afterwards a build only reads.
 */
export class OpenedStore {
  readonly #directory: string;

  constructor(cacheDirectory: string, base: string) {
    this.#directory = join(cacheDirectory, 'opened', `${base}-${FORMAT}`);
  }

  /**
   * Entries of a package, from the cache or by opening its archive now.
   * @throws BuildError if the archive is damaged or hostile
   */
  async entries(archive: PackageArchive, opener: Opener, signal?: AbortSignal): Promise<Entry[]> {
    const { index, contents } = this.#files(archive);
    if (!existsSync(index)) await this.#open(archive, opener, signal);
    const origin = `package ${archive.locked.name}`;
    const known = decodeIndex(await readFile(index, 'utf8'), contents, origin);
    const size = statSync(contents, { throwIfNoEntry: false })?.size;
    if (known !== undefined && known.contentsSize === size) return known.entries;
    await rm(index);
    return this.entries(archive, opener, signal);
  }

  /** Whether a package was opened before. */
  has(archive: PackageArchive): boolean {
    return existsSync(this.#files(archive).index);
  }

  #files({ locked }: PackageArchive): { index: string; contents: string } {
    const stem = join(this.#directory, locked.sha256.slice(0, 2), locked.sha256);
    return { index: `${stem}.json`, contents: `${stem}.contents` };
  }

  async #open(archive: PackageArchive, opener: Opener, signal?: AbortSignal): Promise<void> {
    const { index, contents } = this.#files(archive);
    const temporary = `${contents}.${process.pid}.tmp`;
    await checkArchive(archive, signal);
    await mkdir(dirname(contents), { recursive: true });
    const handle = await open(temporary, 'w');
    try {
      const sink = new ContentsSink(handle, contents);
      await opener(archive, sink, signal);
      await sink.flush();
      await handle.sync();
      await rename(temporary, contents);
      await writeFile(`${index}.${process.pid}.tmp`, encodeIndex(sink.entries, sink.size));
      await rename(`${index}.${process.pid}.tmp`, index);
    } finally {
      await handle.close();
      await rm(temporary, { force: true });
    }
  }
}

/** An archive may have lain in the cache for long: its hash is checked again before it is read. */
async function checkArchive({ locked, file }: PackageArchive, signal?: AbortSignal): Promise<void> {
  const { whole } = await hashFile(file, [], signal);
  if (whole === locked.sha256) return;
  await rm(file, { force: true });
  throw new BuildError({
    what: `the cached archive of ${locked.name} ${locked.version} was damaged and is removed`,
    where: file,
    fix: 'Run the command again: it is downloaded anew.',
  });
}

/** Writes file contents one after the other. */
class ContentsSink implements EntrySink {
  readonly entries: Entry[] = [];
  readonly #handle: FileHandle;
  readonly #contents: string;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #offset = 0;

  constructor(handle: FileHandle, contents: string) {
    this.#handle = handle;
    this.#contents = contents;
  }

  add(entry: Exclude<Entry, { type: 'file' }>): void {
    this.entries.push(entry);
  }

  async file(entry: Omit<FileEntry, 'content'>, content: AsyncIterable<Uint8Array>): Promise<void> {
    const offset = this.#offset;
    for await (const chunk of content) await this.#write(chunk);
    const size = this.#offset - offset;
    if (size !== entry.size) {
      throw new BuildError({
        what: `${entry.path} has ${size} bytes where its header says ${entry.size}`,
        where: entry.origin,
        fix: 'The archive is damaged or hostile.',
      });
    }
    this.entries.push({ ...entry, content: { in: 'file', file: this.#contents, offset } });
  }

  /** Bytes of all contents. */
  get size(): number {
    return this.#offset;
  }

  async flush(): Promise<void> {
    if (this.#waitingBytes > 0) await this.#handle.writev(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  async #write(chunk: Uint8Array): Promise<void> {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    this.#offset += chunk.length;
    if (this.#waitingBytes >= BUFFER) await this.flush();
  }
}
