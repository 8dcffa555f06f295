import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrustedKey } from '../../../build/release/keys.ts';
import type { Release } from '../../../build/release/release.ts';
import { verifyRelease } from '../../../build/release/sign.ts';
import { makeImagePath, type ReleaseLine, releasePath } from '../../../build/release/tree.ts';
import { readIfThere, writeDurably } from '../../files/durable-file.ts';
import { getErrorCode } from '../../process/code-of.ts';

/** A release in the tree, and its envelope. */
export interface KeptRelease {
  readonly release: Release;
  readonly envelope: string;
  /** Whether its image is in the tree, too. */
  readonly isWhole: boolean;
}

/**
 * Runs work while no other work runs here. To pin a release and begin its roll-out is such a piece of work, and to read
 * the unfinished roll-outs and sweep the tree is another: otherwise the sweep might remove the new pin and its image.
 */
export type TreeTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** A release of an unfinished roll-out. */
export type PinnedRelease = ReleaseLine & { readonly serial: number };

/** Returns the folder of a line in the tree. */
function lineFolder(folder: string, line: ReleaseLine): string {
  return join(folder, releasePath(line), '..');
}

/**
 * Reads the newest release of a line in the tree.
 * @returns undefined if there is none
 * @throws ExplainedError if it has no trusted signature: somebody else has written it
 */
export async function readKept(
  folder: string,
  line: ReleaseLine,
  trusted: readonly TrustedKey[],
): Promise<KeptRelease | undefined> {
  const file = join(folder, releasePath(line));
  const envelope = await readIfThere(file);
  if (envelope === undefined) return undefined;
  const release = verifyRelease(envelope, trusted, file);
  const bytes = await readSize(join(folder, release.image.path));
  return { release, envelope, isWhole: bytes === release.image.bytes };
}

/** Lists the lines with a release in the tree, by their folders. */
export async function listLines(folder: string): Promise<ReleaseLine[]> {
  const lines: ReleaseLine[] = [];
  for (const product of await foldersIn(folder)) {
    if (product === 'images') continue;
    for (const channel of await foldersIn(join(folder, product))) {
      for (const architecture of await foldersIn(join(folder, product, channel))) {
        lines.push({ product, channel, architecture });
      }
    }
  }
  return lines;
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(ifMissing([]));
  return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).toSorted();
}

/** Stores a release under its serial, where it stays when newer ones are published; see `serve.ts`. */
export async function pin(folder: string, { release, envelope }: KeptRelease): Promise<void> {
  await writeDurably(join(lineFolder(folder, release), `${release.serial}.json`), envelope, 0o644);
}

/** Makes a release the newest of its line. Its image must be in the tree. */
export async function keep(folder: string, release: Release, envelope: string): Promise<void> {
  await mkdir(lineFolder(folder, release), { recursive: true });
  await writeDurably(join(folder, releasePath(release)), envelope, 0o644);
}

/**
 * Removes files that no release names: images, partial images, and pins of finished roll-outs.
 * @param pinned releases of unfinished roll-outs
 * @param coming SHA-256 of images that are being downloaded
 * @returns bytes of the remaining images
 */
export async function sweep(
  folder: string,
  pinned: readonly PinnedRelease[],
  coming: readonly string[],
): Promise<number> {
  const wanted = new Set(coming);
  for (const line of await listLines(folder)) {
    const place = lineFolder(folder, line);
    for (const name of await readdir(place)) {
      const [, serial] = /^(\d+)\.json$/.exec(name) ?? [];
      if (serial !== undefined && !pinned.some((one) => isSame(one, line, Number(serial)))) {
        await rm(join(place, name));
        continue;
      }
      // One that cannot be read stops the sweep: its image must not be removed.
      const named = await readFile(join(place, name), 'utf8').then(imageIn, ifMissing(undefined));
      if (named !== undefined) wanted.add(named);
    }
  }
  let bytes = 0;
  const images = join(folder, 'images');
  for (const name of await readdir(images).catch(ifMissing([]))) {
    const [, sha256 = ''] = /^([0-9a-f]{64})\.iso/.exec(name) ?? [];
    if (wanted.has(sha256)) bytes += (await readSize(join(images, name))) ?? 0;
    else await rm(join(images, name), { force: true });
  }
  return bytes;
}

function isSame(one: PinnedRelease, line: ReleaseLine, serial: number): boolean {
  return releasePath(one) === releasePath(line) && one.serial === serial;
}

/**
 * Returns the hash of the image that an envelope names, without verifying its signature; it is used only to keep the
 * image.
 */
function imageIn(envelope: string): string | undefined {
  try {
    const { payload } = JSON.parse(envelope);
    const { image } = JSON.parse(Buffer.from(String(payload), 'base64').toString('utf8'));
    return makeImagePath(String(image.sha256)) === image.path ? image.sha256 : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the size of a file in bytes; undefined if it does not exist. */
export async function readSize(path: string): Promise<number | undefined> {
  return await stat(path).then(({ size }) => size, ifMissing(undefined));
}

function ifMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (getErrorCode(error) === 'ENOENT') return value;
    throw error;
  };
}
