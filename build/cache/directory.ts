import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { BuildError } from '../error.ts';

/** Absolute paths of the cache and its rooms. They share one file system, so a rename between them is atomic. */
export interface CacheDirectory {
  readonly root: string;
  /** Downloads under their SHA-256: `blobs/sha256/<first 2 digits>/<all 64>`; see `blob-store.ts`. */
  readonly blobs: string;
  /** Packages read into entries; see `opened.ts`. */
  readonly opened: string;
  /** Outputs of build steps under their keys. */
  readonly steps: string;
  /** Which download an apk package is, under its identity; see `identity-store.ts`. */
  readonly apk: string;
  /** Which download an npm package is, under its SHA-512; see `identity-store.ts`. */
  readonly npm: string;
  /** Private state of apt. */
  readonly apt: string;
  /** Locks that were resolved anew and not kept. */
  readonly resolved: string;
  /** What is remembered of images that were built. */
  readonly images: string;
  /** Files that are still being written, and downloads to resume. */
  readonly tmp: string;
}

/**
 * Where the cache is: `$QUANTIX_CACHE`, else `$XDG_CACHE_HOME/quantix`, else `~/.cache/quantix`.
 * A relative `XDG_CACHE_HOME` is ignored, as the XDG Base Directory Specification 0.8 asks. Makes no folder.
 * @throws BuildError if nothing names a place
 */
export function cacheDirectory(
  env: Readonly<Record<string, string | undefined>> = process.env,
): CacheDirectory {
  return cacheRooms(cacheRoot(env));
}

/** The rooms of a cache in a given folder. */
export function cacheRooms(root: string): CacheDirectory {
  return {
    root,
    blobs: join(root, 'blobs'),
    opened: join(root, 'opened'),
    steps: join(root, 'steps'),
    apk: join(root, 'apk'),
    npm: join(root, 'npm'),
    apt: join(root, 'apt'),
    resolved: join(root, 'resolved'),
    images: join(root, 'images'),
    tmp: join(root, 'tmp'),
  };
}

function cacheRoot(env: Readonly<Record<string, string | undefined>>): string {
  const { QUANTIX_CACHE: own, XDG_CACHE_HOME: xdg } = env;
  if (own !== undefined && own !== '') return resolve(own);
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'quantix');
  const home = env.HOME;
  return join(home === undefined || home === '' ? homeOfUser() : home, '.cache', 'quantix');
}

function homeOfUser(): string {
  try {
    return homedir();
  } catch (cause) {
    throw new BuildError({
      what: 'there is no place for the cache: this user has no home folder and no HOME',
      fix: 'Set QUANTIX_CACHE to a folder.',
      cause,
    });
  }
}
