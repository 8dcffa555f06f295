import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { cacheDirectory } from '../../build/cache/directory.ts';
import { isMarked } from '../../build/cache/mark.ts';
import { BuildError } from '../../build/error.ts';
import { cleanOutputFolder } from '../../build/image/output-folder.ts';
import { listProfileNames, loadProfile } from '../../build/profile/load.ts';
import { PROJECT } from '../project.ts';
import { findProfile, listImagePaths } from './context.ts';
import { cacheOption, defineCommand, requireOnce } from './define.ts';

/** `qx-build clean`: removes build output. */
export const cleanCommand = defineCommand({
  command: 'clean',
  describe: 'Remove what was built: dist/ and the results of steps; downloads stay',
  builder: (yargs) =>
    cacheOption(yargs)
      .option('downloads', { type: 'boolean', default: false, describe: 'Remove downloads too' })
      .option('output', { type: 'string', default: 'dist', describe: 'Folder for what is built' })
      .option('profile', {
        type: 'string',
        array: true,
        default: [] as string[],
        defaultDescription: 'none',
        describe: 'Paths of profiles from elsewhere whose images are removed, too',
      })
      .check(requireOnce('output')),
  paths: (options) => listImagePaths(options),
  handler: async ({ downloads, output: folder, profile, cacheDir }, { output }) => {
    const directory = resolve(folder);
    const named = profile.map((one) => loadProfile(PROJECT, findProfile(one)));
    const others = (await Promise.all(named)).map(({ name }) => name);
    const names = [...listProfileNames(PROJECT), ...others];
    const { removed, left } = await cleanOutputFolder(directory, names);
    output.say(`${directory}: removed ${removed.length} files.`);
    if (left.length > 0) output.say(`${directory}: left what is not ours: ${shortList(left)}`);
    const cache = cacheDirectory(cacheDir);
    if (!existsSync(cache.root)) return;
    if (!isMarked(cache)) {
      throw new BuildError({
        what: 'nothing was removed from this folder: it does not carry the mark of a cache of qx-build',
        where: cache.root,
        fix: 'A build marks its cache; name it with --cache-dir or QUANTIX_CACHE if it is elsewhere.',
      });
    }
    const built = [cache.steps, cache.images, cache.opened, cache.logs, cache.tmp];
    for (const room of downloads ? [...built, cache.blobs, cache.resolved, cache.apt] : built) {
      await rm(room, { recursive: true, force: true });
    }
    output.say(
      `${cache.root}: removed ${downloads ? 'results and downloads' : 'results; downloads stay'}.`,
    );
  },
});

function shortList(names: readonly string[]): string {
  const shown = names.slice(0, 6).join(', ');
  return names.length > 6 ? `${shown} and ${names.length - 6} more` : shown;
}
