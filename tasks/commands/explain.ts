import { buildOptions, chooseProfiles, imagePaths, toImageOptions } from './context.ts';
import { defineCommand } from './define.ts';

/** `qx-build explain`: which inputs changed since the last build, and which steps run because of it. */
export const explainCommand = defineCommand({
  command: 'explain',
  describe: 'Say which inputs changed since the last build, and which steps run because of it',
  builder: buildOptions,
  paths: imagePaths,
  handler: async (options, { output, signal }) => {
    const { explainBuild } = await import('../explain.ts');
    for (const name of chooseProfiles(options)) {
      await explainBuild(name, toImageOptions(options, { output, signal }), output);
    }
  },
});
