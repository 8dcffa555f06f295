import { dirname, join } from 'node:path';
import { openCache } from '../../build/cache/mark.ts';
import { ensureInstalled } from '../../build/host/install.ts';
import { lockRequirements } from '../../build/host/requirements.ts';
import { requireDistinct } from '../../build/profile/load.ts';
import { lockProfiles } from '../lock.ts';
import { PROJECT } from '../project.ts';
import { addImageOptions, chooseProfiles, listImagePaths, listProfileFolders } from './context.ts';
import { defineCommand } from './define.ts';

/** `qx-build lock`: resolves profiles and writes their locks. */
export const lockCommand = defineCommand({
  command: 'lock',
  describe: 'Resolve the packages of profiles and write their lock files',
  builder: addImageOptions,
  paths: (options) => {
    const { reads, writes } = listImagePaths(options);
    return { reads, writes: [...writes, ...listProfileFolders(options.profile)] };
  },
  handler: async (options, { output, signal }) => {
    const { base, arch: architecture, mirror, keysDir: keysDirectory, update } = options;
    const profiles = chooseProfiles(options);
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
