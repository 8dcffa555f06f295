import { dirname, join, relative } from 'node:path';
import { openCache } from '../../build/cache/mark.ts';
import { ensureInstalled } from '../../build/host/install.ts';
import { lockRequirements } from '../../build/host/requirements.ts';
import { requireDistinct } from '../../build/profile/load.ts';
import { listLocks, lockProfiles } from '../lock.ts';
import { PROJECT } from '../project.ts';
import { addImageOptions, chooseProfiles, listImagePaths, listProfileFolders } from './context.ts';
import { defineCommand } from './define.ts';

/** `qx-build lock`: resolves profiles and writes their locks. */
export const lockCommand = defineCommand({
  command: 'lock',
  describe: 'Resolve the packages of profiles and write their lock files',
  builder: (yargs) =>
    addImageOptions(yargs).option('list', {
      type: 'boolean',
      default: false,
      describe: 'Only list the paths of all locks that the profiles can have, for any base and CPU',
    }),
  paths: (options) => {
    const { reads, writes } = listImagePaths(options);
    return { reads, writes: [...writes, ...listProfileFolders(options.profile)] };
  },
  handler: async (options, { output, signal }) => {
    const { base, arch: architecture, mirror, keysDir: keysDirectory, update } = options;
    const profiles = chooseProfiles(options);
    if (options.list) {
      for (const lock of await listLocks(profiles, PROJECT)) {
        output.say(relative(process.cwd(), lock));
      }
      return;
    }
    await requireDistinct(PROJECT, profiles, architecture, ({ file, name }) =>
      join(dirname(file), name),
    );
    await lockProfiles(profiles, {
      ...{ base, architecture, mirror, keysDirectory, update, signal },
      projectDirectory: PROJECT,
      cache: openCache(options.cacheDir),
      say: output.say,
      prepareHost: (name) => ensureInstalled(lockRequirements(name), { say: output.say, signal }),
    });
  },
});
