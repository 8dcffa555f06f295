import { BuildError } from '../../build/error.ts';
import { ensureInstalled } from '../../build/host/install.ts';
import { buildRequirements } from '../../build/host/requirements.ts';
import { prepareImage } from '../../build/image/prepare.ts';
import { writeAgent } from '../agent.ts';
import { addSignerOptions, listSignerPaths, openSigner, SIGNER_OPTIONS } from '../signer.ts';
import { addImageOptions, listImagePaths, toImageOptions } from './context.ts';
import { defineCommand, requireOnce } from './define.ts';

const EPILOGUE = `It runs on hosts whose image is from the same base and has the key (RELEASE_KEYS=FOLDER); docs/agent.md says more.

  qx-build agent --key release.key
  scp dist/qx-node-*.agent root@host: && ssh root@host qx-node deploy 'qx-node-*.agent'`;

/** Maximum number of days for which hosts accept an agent. */
const LONGEST_LIFE = 3650;

/** `qx-build agent`: makes the file of an agent, to update the agent of running hosts. */
export const agentCommand = defineCommand({
  command: 'agent',
  describe: 'Make a signed agent for hosts that run, without a new image',
  builder: (yargs) =>
    addSignerOptions(addImageOptions(yargs))
      .option('serial', {
        type: 'number',
        describe: 'Serial of the agent, which rises with each',
        defaultDescription: 'minutes since 2026',
      })
      .option('floor', {
        type: 'number',
        describe: 'Lowest serial that a host takes once this agent was confirmed there',
        defaultDescription: 'the serial',
      })
      .option('days', {
        type: 'number',
        default: 90,
        describe: 'Days until hosts refuse it; where it runs, it runs on',
      })
      .option('offline', {
        type: 'boolean',
        default: false,
        describe: 'Use nothing but the cache; stop if something is not in it',
      })
      .option('output', { type: 'string', default: 'dist', describe: 'Folder for the file' })
      .check(requireOnce(...SIGNER_OPTIONS, 'serial', 'floor', 'days', 'output'))
      .epilogue(EPILOGUE),
  paths: (options) => {
    const { reads, writes } = listImagePaths(options);
    return { reads: [...reads, ...listSignerPaths(options)], writes };
  },
  handler: async (options, { output, signal }) => {
    const { days, serial, floor, profile, ...rest } = options;
    if (!(days > 0 && days <= LONGEST_LIFE)) {
      throw new BuildError({
        what: `${days} days are not a valid lifetime of an agent`,
        fix: '1 to 3650.',
      });
    }
    if (profile.length > 1) throw new BuildError({ what: 'an agent is of one profile' });
    const signer = await openSigner(options, signal);
    await ensureInstalled(buildRequirements(options.arch), { say: output.say, signal });
    const [name = 'quantix-os'] = profile;
    const images = { ...rest, format: 'iso' as const, release: false };
    const image = await prepareImage(name, toImageOptions(images, { output, signal }));
    await writeAgent(image, { signer, serial, floor, days, now: new Date() }, output);
  },
});
