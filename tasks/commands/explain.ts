import { addOwnerOptions, readOwner } from '../owner-key.ts';
import {
  addAdditionOptions,
  addStepOptions,
  chooseProfiles,
  listImagePaths,
  toImageOptions,
} from './context.ts';
import { defineCommand } from './define.ts';

/** `qx-build explain`: shows which inputs changed since the last build, and which steps run because of that. */
export const explainCommand = defineCommand({
  command: 'explain',
  describe: 'Say which inputs changed since the last build, and which steps run because of it',
  builder: (yargs) => addOwnerOptions(addAdditionOptions(addStepOptions(yargs))),
  paths: (options) => listImagePaths(options),
  handler: async (options, { output, signal }) => {
    const owner = await readOwner(options);
    const { explainBuild } = await import('../explain.ts');
    const { withRemoteCache } = await import('../remote-cache.ts');
    await withRemoteCache(options, output, async (remote) => {
      for (const name of chooseProfiles(options)) {
        const image = { ...toImageOptions(options, { output, signal }), owner };
        await explainBuild(name, image, output, remote);
      }
    });
  },
});
