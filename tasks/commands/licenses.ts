import { ensureInstalled } from '../../build/host/install.ts';
import { buildRequirements } from '../../build/host/requirements.ts';
import { prepareImage } from '../../build/image/prepare.ts';
import { buildOptions, chooseProfiles, listImagePaths, toImageOptions } from './context.ts';
import { defineCommand } from './define.ts';

/** `qx-build licenses`: lists the licences of everything in an image, with their texts. */
export const licensesCommand = defineCommand({
  command: 'licenses',
  describe: 'Write the licences of all that is in images, with their texts, and what lacks one',
  builder: buildOptions,
  paths: listImagePaths,
  handler: async (options, { output, signal }) => {
    await ensureInstalled(buildRequirements(options.arch), { say: output.say, signal });
    const { writeLicenses } = await import('../licenses.ts');
    for (const name of chooseProfiles(options)) {
      const image = await prepareImage(name, toImageOptions(options, { output, signal }));
      await writeLicenses(image, output);
    }
  },
});
