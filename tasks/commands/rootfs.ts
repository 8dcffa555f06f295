import { cacheDirectory } from '../../build/cache/directory.ts';
import { ensureInstalled } from '../../build/host/install.ts';
import { BUILD_REQUIREMENTS } from '../../build/host/requirements.ts';
import { prepareImage } from '../../build/image/prepare.ts';
import { profileNames } from '../../build/profile/load.ts';
import { buildOptions, PROJECT } from './context.ts';
import { defineCommand } from './define.ts';

/** `qx-build rootfs`: the root filesystem of an image as a tar, to look into. */
export const rootfsCommand = defineCommand({
  command: 'rootfs',
  describe: 'Write the audited root filesystem of profiles as a tar, to look into',
  builder: buildOptions,
  handler: async (options, { output, signal }) => {
    await ensureInstalled(BUILD_REQUIREMENTS, { say: output.say, signal });
    const { writeRootfs } = await import('../rootfs.ts');
    const names = options.profile.length > 0 ? options.profile : profileNames(PROJECT);
    for (const name of names) {
      const image = await prepareImage(name, {
        ...options,
        projectDirectory: PROJECT,
        cache: cacheDirectory(),
        outputDirectory: options.output,
        signal,
        say: output.say,
      });
      await writeRootfs(image, output);
    }
  },
});
