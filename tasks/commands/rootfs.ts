import { openCache } from '../../build/cache/mark.ts';
import { ensureInstalled } from '../../build/host/install.ts';
import { buildRequirements } from '../../build/host/requirements.ts';
import { prepareImage } from '../../build/image/prepare.ts';
import { requireDistinct } from '../../build/profile/load.ts';
import { withBuildLog } from '../build-log.ts';
import { PROJECT } from '../project.ts';
import {
  addJobsOption,
  addPackageOption,
  addStepOptions,
  chooseProfiles,
  listImagePaths,
  toImageOptions,
} from './context.ts';
import { defineCommand } from './define.ts';

/** `qx-build rootfs`: writes the root filesystem of an image as a tar, for inspection. */
export const rootfsCommand = defineCommand({
  command: 'rootfs',
  describe: 'Write the audited root filesystem of profiles as a tar, to look into',
  builder: (yargs) => addJobsOption(addPackageOption(addStepOptions(yargs))),
  paths: (options) => listImagePaths(options),
  handler: async (options, { output, signal }) => {
    await ensureInstalled(buildRequirements(options.arch), { say: output.say, signal });
    const { writeRootfs } = await import('../rootfs.ts');
    const { withRemoteCache } = await import('../remote-cache.ts');
    const profiles = chooseProfiles(options);
    await requireDistinct(PROJECT, profiles, options.arch, ({ name }) => name);
    const what = `root filesystem of ${profiles.join(', ')}`;
    await withBuildLog(openCache(options.cacheDir), what, () =>
      withRemoteCache(options, output, async (remote) => {
        for (const name of profiles) {
          const image = await prepareImage(name, toImageOptions(options, { output, signal }));
          await writeRootfs(image, output, remote);
        }
      }),
    );
  },
});
