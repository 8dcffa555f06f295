import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { BuildError } from '../error.ts';

/** Absolute paths of the cache and its folders. All are on one file system, so that renames between them are atomic. */
export interface CacheDirectory {
  readonly root: string;
  /** Downloads by SHA-256: `blobs/sha256/<first 2 digits>/<all 64>`; see `blob-store.ts`. */
  readonly blobs: string;
  /** Opened packages; see `opened.ts`. */
  readonly opened: string;
  /** Outputs of build steps, by key. */
  readonly steps: string;
  /** Identity of an apk package → download; see `identity-store.ts`. */
  readonly apk: string;
  /** SHA-512 of an npm package → download; see `identity-store.ts`. */
  readonly npm: string;
  /** Private state of apt. */
  readonly apt: string;
  /** Locks that were resolved again and not saved with the profile. */
  readonly resolved: string;
  /** Records of built images. */
  readonly images: string;
  /** Logs of what tools printed during the latest builds. */
  readonly logs: string;
  /** Unfinished files, and downloads to resume. */
  readonly tmp: string;
}

/**
 * Returns the location of the cache: the folder that the caller names, else `$QUANTIX_CACHE`, else
 * `$XDG_CACHE_HOME/quantix`, else `~/.cache/quantix`. A relative `XDG_CACHE_HOME` is ignored, as the XDG Base Directory
 * Specification 0.8 requires. Creates no folder.
 * @param named path of a folder; absent or empty means that the environment decides
 * @throws BuildError if neither the caller nor a variable names a location
 */
export function cacheDirectory(
  named?: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): CacheDirectory {
  return cacheRooms(cacheRoot(named, env));
}

/** Returns the folders of a cache at a given path. */
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
    logs: join(root, 'logs'),
    tmp: join(root, 'tmp'),
  };
}

function cacheRoot(
  named: string | undefined,
  {
    QUANTIX_CACHE: own,
    XDG_CACHE_HOME: xdg,
    HOME: home,
  }: Readonly<Record<string, string | undefined>>,
): string {
  const wanted = named || own;
  if (wanted) return resolve(wanted);
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'quantix');
  return join(home === undefined || home === '' ? homeOfUser() : home, '.cache', 'quantix');
}

function homeOfUser(): string {
  try {
    return homedir();
  } catch (cause) {
    throw new BuildError({
      what: 'there is no place for the cache: this user has no home folder and no HOME',
      fix: 'Name a folder with --cache-dir or QUANTIX_CACHE.',
      cause,
    });
  }
}
