import { copyFile, link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ExplainedError } from '../explained-error.ts';
import { computeDigest, getErrorCode, writeWhole } from './files.ts';
import { computeKeyId, type TrustedKey } from './keys.ts';
import type { Release } from './release.ts';
import { signRelease, verifyRelease } from './sign.ts';
import type { Signer } from './signer.ts';

/** A day in milliseconds. */
const DAY = 24 * 60 * 60 * 1000;

/** Identifies a line of releases, in which each release replaces the previous one. */
export type ReleaseLine = Pick<Release, 'product' | 'channel' | 'architecture'>;

/** Returns the path of the newest release of a line; like all paths here, it is relative to the root of the tree. */
export function releasePath({ product, channel, architecture }: ReleaseLine): string {
  return `${product}/${channel}/${architecture}/release.json`;
}

/** Returns the path of an image in a tree. */
export function makeImagePath(sha256: string): string {
  return `images/${sha256}.iso`;
}

/** An image to publish. */
export interface PublishedImage
  extends Pick<Release, 'product' | 'version' | 'architecture' | 'base' | 'buildId' | 'owner'> {
  file: string;
  /** SHA-256 recorded by the build, hex; the file must have it. */
  sha256: string;
}

/** Where and how `publish` publishes an image. */
export interface Publication {
  /** Root of the tree; created if needed. */
  tree: string;
  channel: string;
  signer: Signer;
  /** Keys that signed earlier releases of the tree, in addition to the key of `signer`. */
  trusted?: readonly TrustedKey[];
  /** Current time. */
  now: Date;
  /** Days after which hosts refuse the release. */
  days: number;
  /** Lowest serial that hosts accept after this release is confirmed; that of the previous release if absent. */
  floor?: number | undefined;
  /** Serial of the release; that of the previous release plus one if absent. */
  serial?: number | undefined;
}

/**
 * Adds an image to a tree and makes it the newest release of its line. `release.json` is replaced last and atomically,
 * so that readers always see either the previous or the new release. Images of earlier releases are kept.
 * @returns the release
 * @throws ExplainedError if the image differs from the one that was built, the serial does not increase, or the
 *   previous release is signed with a key that is not given
 */
export async function publish(image: PublishedImage, publication: Publication): Promise<Release> {
  const { tree, channel, signer, now, days, trusted = [] } = publication;
  const line = { product: image.product, channel, architecture: image.architecture };
  const path = join(tree, releasePath(line));
  const own = { name: 'the key that signs', id: computeKeyId(signer.key), key: signer.key };
  const before = await readRelease(path, [own, ...trusted]);
  const serial = publication.serial ?? (before?.serial ?? 0) + 1;
  if (before !== undefined && serial <= before.serial) {
    throw new ExplainedError({
      what: `serial ${serial} is not above that of the previous release, ${before.serial}`,
      where: path,
      fix: 'Leave --serial out.',
    });
  }
  const { size: bytes, sha256 } = await computeDigest(image.file);
  if (sha256 !== image.sha256) {
    throw new ExplainedError({
      what: 'the image is not the one that was built: its SHA-256 differs from its manifest',
      where: image.file,
      fix: 'Build it again.',
    });
  }
  const { product, version, architecture, base, buildId, owner } = image;
  const release: Release = {
    ...{ format: 1, product, version, channel, architecture, base, buildId, serial },
    ...(owner !== undefined && { owner }),
    floor: publication.floor ?? before?.floor ?? 0,
    issued: wholeSeconds(now.getTime()),
    expires: wholeSeconds(now.getTime() + days * DAY),
    image: { path: makeImagePath(sha256), bytes, sha256 },
  };
  const text = await signRelease(release, [signer]);
  await place(image.file, join(tree, release.image.path));
  await writeWhole(path, text);
  return release;
}

/** Formats a time in RFC 3339 without fractions of a second. */
function wholeSeconds(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

/** @returns the existing release; undefined if there is none */
async function readRelease(
  path: string,
  trusted: readonly TrustedKey[],
): Promise<Release | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  return verifyRelease(text, trusted, path);
}

/** Links a file to another name, or copies it if the tree is on another file system. */
async function place(from: string, to: string): Promise<void> {
  if (await isSameFile(from, to)) return;
  const temporary = `${to}.new`;
  await mkdir(dirname(to), { recursive: true });
  await rm(temporary, { force: true });
  try {
    await link(from, temporary);
  } catch (error) {
    if (!['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP'].includes(getErrorCode(error))) throw error;
    await copyFile(from, temporary);
  }
  await flush(temporary);
  await rename(temporary, to);
  // If both names are links to the same file, rename(2) does nothing, and the temporary name remains.
  await rm(temporary, { force: true });
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  try {
    const [a, b] = [await stat(one), await stat(other)];
    return a.ino === b.ino && a.dev === b.dev;
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return false;
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
