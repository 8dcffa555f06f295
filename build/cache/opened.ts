import { closeSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ArchiveReader, PackageArchive } from '../contract/base.ts';
import { BuildError } from '../error.ts';
import { makeAtomically } from '../process/atomic-write.ts';
import { errorCode } from '../process/errno.ts';
import { isSealed, markUsed, seal } from '../process/seal.ts';
import { computeCodeDigest } from '../step/code.ts';
import { computeDigest } from '../step/digest.ts';
import type { Entry } from '../tree/entry.ts';
import type { CacheDirectory } from './directory.ts';
import { explainDiskError } from './disk-error.ts';
import { FORMAT_MODULE, formatIndex, parseIndex } from './opened-index.ts';
import { OpenedWriter } from './opened-writer.ts';
import { makeTemporaryPath } from './temporary.ts';

/**
 * Opened packages: per archive a file with all contents, and an index of its entries, both sealed (see
 * `process/seal.ts`). The index gets its name last, so if the index exists, the contents exist. Reading an archive
 * always gives the same bytes, so processes that read one archive at the same time replace each other's files with
 * equal files.
 */
export class OpenedStore {
  readonly #directory: CacheDirectory;
  readonly #onNote: (line: string) => void;

  /** @param onNote receives a line for the user when a damaged file is removed */
  constructor(directory: CacheDirectory, onNote: (line: string) => void = () => {}) {
    this.#directory = directory;
    this.#onNote = onNote;
  }

  /**
   * Returns the entries of a package, in the archive's order; file contents are slices of a file in the cache.
   * @throws BuildError if the archive is damaged or hostile, or the disk is full; nothing is stored then
   */
  async open(base: ArchiveReader, archive: PackageArchive, signal?: AbortSignal): Promise<Entry[]> {
    const paths = this.#paths(base, archive);
    const known = await this.#load(paths);
    if (known !== undefined) return known;
    try {
      return await this.#read({ base, archive, paths, signal });
    } catch (error) {
      if (signal?.aborted === true) {
        throw new BuildError({
          what: `reading ${archive.locked.name} was cancelled`,
          cause: error,
        });
      }
      throw explainDiskError(error, this.#directory.root);
    }
  }

  #paths(base: ArchiveReader, { locked: { sha256 } }: PackageArchive): Paths {
    const start = join(this.#directory.opened, nameOpenedFolder(base), sha256);
    return { contents: `${start}.blob`, index: `${start}.json` };
  }

  /**
   * Returns the entries of an opened package; `undefined` if its archive must be read. Uses synchronous calls, which
   * load hundreds of small files several times faster.
   */
  async #load(paths: Paths): Promise<Entry[] | undefined> {
    try {
      const text = readSealed(paths.index);
      if (text === undefined) return undefined;
      const { size, entries } = parseIndex(text, paths.contents);
      const stats = statSync(paths.contents);
      if (stats.size !== size || !isSealed(stats)) throw changed(paths.contents);
      for (const path of [paths.contents, paths.index]) await markUsed(path, stats);
      return entries;
    } catch (error) {
      if (!(error instanceof BuildError) && errorCode(error) !== 'ENOENT') throw error;
      await rm(paths.index, { force: true });
      const why = error instanceof BuildError ? error.what : 'its contents are missing';
      this.#onNote(`${paths.index}: ${why}; the package is read again`);
      return undefined;
    }
  }

  async #read({ base, archive, paths, signal }: Reading): Promise<Entry[]> {
    const { sha256 } = archive.locked;
    await mkdir(dirname(paths.contents), { recursive: true });
    const temporary = await makeTemporaryPath(this.#directory, `${sha256}.blob`);
    const writer = await OpenedWriter.create(temporary, paths.contents);
    try {
      await base.open(archive, writer, signal);
      signal?.throwIfAborted();
      const { entries } = writer;
      await writer.commit();
      const text = formatIndex({ size: writer.size, entries });
      await writeSealed(paths.index, text, this.#directory.tmp);
      return entries;
    } catch (error) {
      await writer.discard();
      throw error;
    }
  }
}

/** Returns the folder name for opened packages of a base; it changes with the reading code and the index format. */
export function nameOpenedFolder({ name, readerVersion }: Omit<ArchiveReader, 'open'>): string {
  return `${name}-${computeDigest([readerVersion, computeCodeDigest(FORMAT_MODULE)]).slice(0, 16)}`;
}

interface Paths {
  contents: string;
  index: string;
}

interface Reading {
  base: ArchiveReader;
  archive: PackageArchive;
  paths: Paths;
  signal: AbortSignal | undefined;
}

/**
 * Reads a sealed file.
 * @returns the text, or `undefined` if the file does not exist
 * @throws BuildError if it was modified after it was sealed
 */
function readSealed(path: string): string | undefined {
  const descriptor = openIfThere(path);
  if (descriptor === undefined) return undefined;
  try {
    if (!isSealed(fstatSync(descriptor))) throw changed(path);
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function writeSealed(path: string, text: string, folder: string): Promise<void> {
  const write = async (temporary: string) => {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(text);
      await seal(file);
    } finally {
      await file.close();
    }
  };
  await makeAtomically(path, write, { folder });
}

function changed(file: string): BuildError {
  return new BuildError({ what: 'a file of the cache was changed', where: file });
}
