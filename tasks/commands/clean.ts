import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { cacheDirectory } from '../../build/cache/directory.ts';
import { givenOnce, PROJECT } from './context.ts';
import { defineCommand } from './define.ts';

/** `qx-build clean`: removes what was built. */
export const cleanCommand = defineCommand({
  command: 'clean',
  describe: 'Remove what was built: dist/ and the results of steps; downloads stay',
  builder: (yargs) =>
    yargs
      .option('downloads', { type: 'boolean', default: false, describe: 'Remove downloads too' })
      .option('output', { type: 'string', default: 'dist', describe: 'Folder for what is built' })
      .check(givenOnce('output')),
  paths: ({ output }) => ({ reads: [], writes: [output] }),
  handler: async ({ downloads, output: folder }, { output }) => {
    const cache = cacheDirectory();
    const built = [cache.steps, cache.images, cache.opened, cache.tmp, resolve(PROJECT, folder)];
    const downloaded = [cache.blobs, cache.resolved, cache.apt];
    for (const path of downloads ? [...built, ...downloaded] : built) {
      await rm(path, { recursive: true, force: true });
    }
    output.say(
      downloads ? 'Removed all that was built and downloaded.' : 'Removed what was built.',
    );
  },
});
