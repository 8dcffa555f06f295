import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError } from '../error.ts';
import { type CacheDirectory, cacheDirectory } from './directory.ts';
import { diskError } from './disk-error.ts';

/** The Cache Directory Tagging Specification's file (https://bford.info/cachedir/): backups leave such a folder out. */
const TAG = 'CACHEDIR.TAG';

const SIGNATURE = 'Signature: 8a477f597d28d172789f06886806bc55';

/** Our own line in it: only a folder with it is swept, pruned or cleaned. */
const OURS = '# This folder is the cache of the Quantix appliance builder (qx-build).';

/** What a cache from before there were marks has besides its rooms, and a file system of its own. */
const BESIDE_ROOMS = ['acceleration.json', 'lost+found'];

/** Whether a folder carries our mark. */
export function isMarked({ root }: CacheDirectory): boolean {
  const file = join(root, TAG);
  if (!existsSync(file)) return false;
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines[0] === SIGNATURE && lines.includes(OURS);
}

/**
 * The cache that the environment names (see `cacheDirectory`), made and marked.
 * @throws BuildError if the folder holds other things, or cannot be written
 */
export function openCache(): CacheDirectory {
  const cache = cacheDirectory();
  try {
    markCache(cache);
  } catch (error) {
    throw diskError(error, cache.root);
  }
  return cache;
}

/**
 * Marks a folder as a cache, and makes it if it is missing.
 * @throws BuildError if it holds other things: what the cache no longer needs is deleted some day
 */
export function markCache(directory: CacheDirectory): void {
  if (isMarked(directory)) return;
  const { root, ...rooms } = directory;
  mkdirSync(root, { recursive: true });
  const known = new Set([...Object.values(rooms), ...BESIDE_ROOMS.map((name) => join(root, name))]);
  const names = readdirSync(root);
  const foreign = names.find((name) => !known.has(join(root, name)));
  const besides = names.filter((name) => name !== 'lost+found');
  // Names alone prove nothing: a folder of somebody else may have one called images. Every cache has downloads.
  const hasDownloads = existsSync(join(directory.blobs, 'sha256'));
  const hasResults = existsSync(directory.opened) && existsSync(directory.steps);
  const isOlder = hasDownloads && (foreign === undefined || hasResults);
  if (besides.length > 0 && !isOlder) {
    throw new BuildError({
      what: `this folder is no cache of qx-build: it has ${foreign ?? besides[0]}`,
      where: root,
      fix: 'Set QUANTIX_CACHE to an empty folder, or to one that is not there yet.',
    });
  }
  writeFileSync(join(root, TAG), `${SIGNATURE}\n${OURS}\n`);
}
