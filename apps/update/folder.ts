import { open, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Release } from '../../build/release/release.ts';
import { ExplainedError } from '../error.ts';
import { getErrorCode } from '../process/code-of.ts';
import { LONGEST_RELEASE, type Source } from './source.ts';

const PIECE = 1024 * 1024;

/** A folder with releases, for example on a stick or from an upload. */
export interface Folder {
  /**
   * The root of a tree made by `qx-build release-tree`, a folder that contains `release.json` and its image, or such a
   * `release.json` itself.
   */
  path: string;
  product: string;
  channel: string;
  architecture: string;
}

/** Makes a source of releases from a folder. @throws ExplainedError if there is no release in it */
export async function makeFolderSource(folder: Folder): Promise<Source> {
  const file = await findRelease(folder);
  return {
    name: folder.path,
    readRelease: async () => {
      if ((await stat(file)).size > LONGEST_RELEASE) {
        throw new ExplainedError({ what: 'this is too long for a release.json', where: file });
      }
      return await readFile(file, 'utf8');
    },
    openImage: (release, { offset, signal }) =>
      openImage({ folder: folder.path, file, release, offset, signal }),
  };
}

async function findRelease({ path, product, channel, architecture }: Folder): Promise<string> {
  const candidates = [
    join(path, product, channel, architecture, 'release.json'),
    join(path, 'release.json'),
    path,
  ];
  for (const file of candidates) {
    if ((await sizeOf(file)) !== undefined) return file;
  }
  throw new ExplainedError({
    what: 'there is no release.json for this machine',
    where: path,
    fix: `It is looked for as ${candidates.slice(0, 2).join(' and ')}.`,
  });
}

/** Returns the size of a file in bytes; undefined if there is no such file. */
async function sizeOf(file: string): Promise<number | undefined> {
  try {
    const found = await stat(file);
    return found.isFile() ? found.size : undefined;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(getErrorCode(error) ?? '')) return undefined;
    throw error;
  }
}

interface Wanted {
  folder: string;
  file: string;
  release: Release;
  offset: number;
  signal: AbortSignal;
}

async function* openImage(wanted: Wanted): AsyncGenerator<Uint8Array> {
  const { signal, offset } = wanted;
  const image = await findImage(wanted);
  await using file = await open(image, 'r');
  for (let at = offset; ; ) {
    signal.throwIfAborted();
    const { buffer, bytesRead } = await file
      .read(Buffer.alloc(PIECE), 0, PIECE, at)
      .catch((cause: unknown) => {
        const fix = 'Copy it there again.';
        throw new ExplainedError({ what: 'the image cannot be read', where: image, fix, cause });
      });
    if (bytesRead === 0) {
      if (at >= wanted.release.image.bytes) return;
      throw new ExplainedError({
        what: `the image ends after ${at} of ${wanted.release.image.bytes} bytes`,
        where: image,
        fix: 'Copy it there again.',
      });
    }
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/**
 * Finds the image of a release: a file of its size, under its name in the tree or beside its `release.json`, or with
 * any name ending in `.iso` beside `release.json`. @returns the path
 */
async function findImage({ folder, file, release }: Wanted): Promise<string> {
  const { path, bytes } = release.image;
  const beside = dirname(file);
  const named = [
    join(folder, path),
    join(beside, path),
    join(beside, path.slice('images/'.length)),
  ];
  const isos = (await readdir(beside)).filter((name) => name.toLowerCase().endsWith('.iso'));
  for (const candidate of [...named, ...isos.map((name) => join(beside, name))]) {
    if ((await sizeOf(candidate)) === bytes) return candidate;
  }
  throw new ExplainedError({
    what: `there is no image of ${bytes} bytes, which the release names`,
    where: beside,
    fix: `Copy it there as ${path}.`,
  });
}
