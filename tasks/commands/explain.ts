import { cacheDirectory } from '../../build/cache/directory.ts';
import { profileNames } from '../../build/profile/load.ts';
import { buildOptions, PROJECT } from './context.ts';
import { defineCommand } from './define.ts';

/** `qx-build explain`: which inputs changed since the last build, and which steps run because of it. */
export const explainCommand = defineCommand({
  command: 'explain',
  describe: 'Say which inputs changed since the last build, and which steps run because of it',
  builder: buildOptions,
  handler: async (options, { output, signal }) => {
    const { explainImage } = await import('../explain.ts');
    const names = options.profile.length > 0 ? options.profile : profileNames(PROJECT);
    for (const name of names) {
      await explainImage(
        name,
        {
          ...options,
          projectDirectory: PROJECT,
          cache: cacheDirectory(),
          outputDirectory: options.output,
          signal,
          say: output.say,
        },
        output,
      );
    }
  },
});
