import { basename } from 'node:path';
import { BlobStore } from '../../build/cache/blob-store.ts';
import {
  cacheLimit,
  GROWING_ROOMS,
  listItems,
  parseSize,
  pruneCache,
} from '../../build/cache/contents.ts';
import type { CacheDirectory } from '../../build/cache/directory.ts';
import { openCache } from '../../build/cache/mark.ts';
import { BuildError } from '../../build/error.ts';
import { StepCache } from '../../build/step/cache.ts';
import type { Output } from '../ui/events.ts';
import { formatBytes, formatTable } from '../ui/format.ts';
import { listImagePaths } from './context.ts';
import { cacheOption, defineCommand, requireOnce } from './define.ts';

/** `qx-build cache`: shows the cache's contents, verifies them, and removes old ones. */
export const cacheCommand = defineCommand({
  command: 'cache <action>',
  describe: 'List, verify or prune the cache',
  builder: (yargs) =>
    cacheOption(yargs)
      .positional('action', {
        choices: ['list', 'verify', 'prune'] as const,
        demandOption: true,
        describe: 'What to do',
      })
      .option('size', {
        type: 'string',
        describe: 'What prune leaves at most: 500MB, 20GB',
        defaultDescription: '$QUANTIX_CACHE_SIZE, else 20GB',
      })
      .check(requireOnce('size')),
  paths: ({ cacheDir }) => listImagePaths({ cacheDir }),
  handler: async ({ action, size, cacheDir }, { output, signal }) => {
    const cache = openCache(cacheDir);
    const limit = size === undefined ? cacheLimit() : parseSize(size, '--size');
    if (action === 'list') list(cache, limit, output);
    else if (action === 'verify') await verify(cache, output, signal);
    else await prune(cache, limit, output);
  },
});

function list(cache: CacheDirectory, limit: number, output: Output): void {
  const items = listItems(cache);
  const rows = GROWING_ROOMS.map((room) => {
    const here = items.filter((item) => item.room === room);
    const times = here.map(({ usedAt }) => usedAt);
    const bytes = formatBytes(here.reduce((sum, item) => sum + item.bytes, 0));
    const day = (time: number) => new Date(time).toISOString().slice(0, 10);
    const ages = here.length === 0 ? ['', ''] : [Math.min(...times), Math.max(...times)].map(day);
    return [room, String(here.length), bytes, ...ages];
  });
  const all = items.reduce((sum, item) => sum + item.bytes, 0);
  output.say(formatTable([['Room', 'Items', 'Size', 'First used', 'Last used'], ...rows]));
  output.say(`${cache.root}: ${formatBytes(all)} of ${formatBytes(limit)}`);
}

/** Verifies all downloads and results, and removes those that are damaged. @throws BuildError if any were */
async function verify(cache: CacheDirectory, output: Output, signal: AbortSignal): Promise<void> {
  const store = new BlobStore(cache, output.say);
  const blobs = listItems(cache).filter(({ room }) => room === 'blobs');
  let [read, damaged] = [0, 0];
  for (const { path } of blobs) {
    const state = await store.verify(basename(path), signal);
    // Another build may have removed it since the list was made.
    if (state !== 'missing') read += 1;
    if (state === 'damaged') damaged += 1;
  }
  const results = await new StepCache(cache.steps).verify(signal);
  for (const folder of results.damaged) output.say(`${folder} was damaged: removed from the cache`);
  damaged += results.damaged.length;
  output.say(`${read} downloads and ${results.checked} results of steps were read.`);
  if (damaged === 0) return;
  throw new BuildError({
    what: `${damaged} of them were damaged and are removed`,
    where: cache.root,
    fix: 'The next build gets them again; look after the disk.',
  });
}

async function prune(cache: CacheDirectory, limit: number, output: Output): Promise<void> {
  await new StepCache(cache.steps).sweep();
  const removed = await pruneCache(cache, { limit, since: performance.timeOrigin });
  const bytes = removed.reduce((sum, item) => sum + item.bytes, 0);
  const left = listItems(cache).reduce((sum, item) => sum + item.bytes, 0);
  output.say(`${cache.root}: removed ${formatBytes(bytes)}, ${formatBytes(left)} are left.`);
  if (left > limit) output.say('What was used within the last hour stays: a build may need it.');
}
