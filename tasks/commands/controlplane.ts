import { ensureInstalled } from '../../build/host/install.ts';
import { CONTROL_PLANE_REQUIREMENTS } from '../../build/host/requirements.ts';
import { defineCommand, NO_PATHS } from './define.ts';

/** `qx-build controlplane`: runs a control plane for development. */
export const controlplaneCommand = defineCommand({
  command: 'controlplane',
  describe: 'Run a control plane from the sources, with PostgreSQL, etcd and Redis of this host',
  builder: (yargs) => yargs,
  paths: () => NO_PATHS,
  handler: async (_, { output, signal }) => {
    await ensureInstalled(CONTROL_PLANE_REQUIREMENTS, { say: output.say, signal });
    const { runStack } = await import('../control-plane/stack.ts');
    await runStack(output.say, signal);
  },
});
