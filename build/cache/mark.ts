import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError } from '../error.ts';
import { type CacheDirectory, cacheDirectory } from './directory.ts';
import { explainDiskError } from './disk-error.ts';

/** File of the Cache Directory Tagging Specification (https://bford.info/cachedir/): backups skip its folder. */
const TAG = 'CACHEDIR.TAG';

const SIGNATURE = 'Signature: 8a477f597d28d172789f06886806bc55';

/** The builder's line in that file: only a folder with this line is swept, pruned or cleaned. */
const OURS = '# This folder is the cache of the Quantix appliance builder (qx-build).';

/**
 * Other names that may be in the folder: in a cache created before the mark was introduced, and in the root of a file
 * system.
 */
const BESIDE_ROOMS = ['acceleration.json', 'lost+found'];

/** Whether a folder has the builder's mark. */
export function isMarked({ root }: CacheDirectory): boolean {
  const file = join(root, TAG);
  if (!existsSync(file)) return false;
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines[0] === SIGNATURE && lines.includes(OURS);
}

/**
 * Opens the cache: creates and marks it if needed.
 * @param named see `cacheDirectory`
 * @throws BuildError if the folder contains other files, or cannot be written
 */
export function openCache(named?: string): CacheDirectory {
  const cache = cacheDirectory(named);
  try {
    markCache(cache);
  } catch (error) {
    throw explainDiskError(error, cache.root);
  }
  return cache;
}

/**
 * Marks a folder as a cache, and creates it if it is missing.
 * @throws BuildError if it contains other files, because the contents of a cache are deleted over time
 */
export function markCache(directory: CacheDirectory): void {
  if (isMarked(directory)) return;
  const { root, ...rooms } = directory;
  mkdirSync(root, { recursive: true });
  const known = new Set([...Object.values(rooms), ...BESIDE_ROOMS.map((name) => join(root, name))]);
  const names = readdirSync(root);
  const foreign = names.find((name) => !known.has(join(root, name)));
  const besides = names.filter((name) => name !== 'lost+found');
  // Names alone are no proof: any folder may contain a folder called images. But every cache has downloads.
  const hasDownloads = existsSync(join(directory.blobs, 'sha256'));
  const hasResults = existsSync(directory.opened) && existsSync(directory.steps);
  const isOlder = hasDownloads && (foreign === undefined || hasResults);
  if (besides.length > 0 && !isOlder) {
    throw new BuildError({
      what: `this folder is not a cache of qx-build: it has ${foreign ?? besides[0]}`,
      where: root,
      fix: 'Name an empty folder with --cache-dir or QUANTIX_CACHE, or one that is not there yet.',
    });
  }
  writeFileSync(join(root, TAG), `${SIGNATURE}\n${OURS}\n`);
}
