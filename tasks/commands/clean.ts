import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory } from '../../build/cache/directory.ts';
import { PROJECT } from './context.ts';
import { defineCommand } from './define.ts';

/** Rooms of the cache that a build fills again without the network. */
const MADE_HERE = ['steps', 'images', 'opened'];
/** Rooms that must be downloaded again. */
const DOWNLOADED = ['blobs', 'resolved', 'debian'];

/** `qx-build clean`: removes what was built. */
export const cleanCommand = defineCommand({
  command: 'clean',
  describe: 'Remove what was built: dist/ and the results of steps; downloads stay',
  builder: (yargs) =>
    yargs
      .option('downloads', { type: 'boolean', default: false, describe: 'Remove downloads too' })
      .option('cache', { type: 'string', describe: 'Cache folder' })
      .option('output', { type: 'string', default: 'dist', describe: 'Folder for what is built' }),
  handler: async ({ downloads, cache, output: folder }, { output }) => {
    const rooms = downloads ? [...MADE_HERE, ...DOWNLOADED] : MADE_HERE;
    const paths = rooms.map((room) => join(cacheDirectory(cache), room));
    for (const path of [...paths, join(PROJECT, folder)]) {
      await rm(path, { recursive: true, force: true });
    }
    output.say(
      downloads ? 'Removed all that was built and downloaded.' : 'Removed what was built.',
    );
  },
});
