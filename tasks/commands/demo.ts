import { ensureInstalled } from '../../build/host/install.ts';
import { buildRequirements, listQemuRequirements } from '../../build/host/requirements.ts';
import { buildOptions, listImagePaths, toImageOptions } from './context.ts';
import { defineCommand } from './define.ts';

/** `qx-build demo`: runs a control plane and two hosts on one virtual network. */
export const demoCommand = defineCommand({
  command: 'demo',
  describe: 'Boot QvDC and two hosts that join it, with a virtual machine on each, until Ctrl-C',
  builder: (yargs) => buildOptions(yargs),
  paths: (options) => listImagePaths(options),
  handler: async (options, { output, signal }) => {
    const requirements = [
      ...buildRequirements(options.arch),
      ...listQemuRequirements(options.arch),
    ];
    await ensureInstalled(requirements, { say: output.say, signal });
    const { runDemo } = await import('../demo.ts');
    await runDemo({ ...toImageOptions(options, { output, signal }), signal }, output);
  },
});
