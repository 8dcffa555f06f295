import { copyFile, link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ExplainedError } from '../explained-error.ts';
import { codeOf, digestOf, writeWhole } from './files.ts';
import { keyIdOf, type TrustedKey } from './keys.ts';
import type { Release } from './release.ts';
import { signRelease, verifyRelease } from './sign.ts';
import type { Signer } from './signer.ts';

/** Milliseconds of a day. */
const DAY = 24 * 60 * 60 * 1000;

/** Which releases follow each other. */
export type ReleaseLine = Pick<Release, 'product' | 'channel' | 'architecture'>;

/** Where the newest release of a line is in a tree; its image's path is relative to the tree's root, too. */
export function releasePath({ product, channel, architecture }: ReleaseLine): string {
  return `${product}/${channel}/${architecture}/release.json`;
}

/** Where an image is in a tree. */
export function imagePath(sha256: string): string {
  return `images/${sha256}.iso`;
}

/** An image to publish. */
export interface PublishedImage
  extends Pick<Release, 'product' | 'version' | 'architecture' | 'base' | 'buildId'> {
  file: string;
  /** SHA-256 that its build wrote down, hex; the file has to have it. */
  sha256: string;
}

export interface Publication {
  /** Root of the tree; made if it is missing. */
  tree: string;
  channel: string;
  signer: Signer;
  /** Keys of earlier releases of the tree, besides the one that signs. */
  trusted?: readonly TrustedKey[];
  /** When it is. */
  now: Date;
  /** Days until hosts refuse it. */
  days: number;
  /** Lowest serial that hosts take after this release was confirmed; that of the release before if absent. */
  floor?: number | undefined;
  /** Serial of the release; one more than that of the release before if absent. */
  serial?: number | undefined;
}

/**
 * Puts an image into a tree and makes it the newest release of its line: `release.json` changes last and at once, so
 * whoever reads the tree meanwhile gets the release before or this one, whole. Images of earlier releases stay.
 * @returns the release
 * @throws ExplainedError if the image is not the one that its build wrote down, the serial does not rise, or the
 *   release before is signed by a key that is not given
 */
export async function publish(image: PublishedImage, publication: Publication): Promise<Release> {
  const { tree, channel, signer, now, days, trusted = [] } = publication;
  const line = { product: image.product, channel, architecture: image.architecture };
  const path = join(tree, releasePath(line));
  const own = { name: 'the key that signs', id: keyIdOf(signer.key), key: signer.key };
  const before = await readRelease(path, [own, ...trusted]);
  const serial = publication.serial ?? (before?.serial ?? 0) + 1;
  if (before !== undefined && serial <= before.serial) {
    throw new ExplainedError({
      what: `serial ${serial} does not rise: that of the release before is ${before.serial}`,
      where: path,
      fix: 'Leave --serial away.',
    });
  }
  const { size: bytes, sha256 } = await digestOf(image.file);
  if (sha256 !== image.sha256) {
    throw new ExplainedError({
      what: 'the image is not the one that was built: its SHA-256 differs from its manifest',
      where: image.file,
      fix: 'Build it again.',
    });
  }
  const { product, version, architecture, base, buildId } = image;
  const release: Release = {
    ...{ format: 1, product, version, channel, architecture, base, buildId, serial },
    floor: publication.floor ?? before?.floor ?? 0,
    issued: wholeSeconds(now.getTime()),
    expires: wholeSeconds(now.getTime() + days * DAY),
    image: { path: imagePath(sha256), bytes, sha256 },
  };
  const text = await signRelease(release, [signer]);
  await place(image.file, join(tree, release.image.path));
  await writeWhole(path, text);
  return release;
}

/** RFC 3339, without the fraction of a second. */
function wholeSeconds(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

/** @returns the release that is there; undefined if there is none */
async function readRelease(
  path: string,
  trusted: readonly TrustedKey[],
): Promise<Release | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  return verifyRelease(text, trusted, path);
}

/** The same file under another name, or a copy of it where the tree is on another file system. */
async function place(from: string, to: string): Promise<void> {
  if (await isSameFile(from, to)) return;
  const temporary = `${to}.new`;
  await mkdir(dirname(to), { recursive: true });
  await rm(temporary, { force: true });
  try {
    await link(from, temporary);
  } catch (error) {
    if (!['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP'].includes(codeOf(error))) throw error;
    await copyFile(from, temporary);
  }
  await flush(temporary);
  await rename(temporary, to);
  // A rename onto another name of the same file does nothing.
  await rm(temporary, { force: true });
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  try {
    const [a, b] = [await stat(one), await stat(other)];
    return a.ino === b.ino && a.dev === b.dev;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
