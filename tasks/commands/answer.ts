import { readFile } from 'node:fs/promises';
import { ExplainedError } from '../../apps/error.ts';
import { parseAnswer } from '../../apps/installer/answer.ts';
import { BuildError } from '../../build/error.ts';
import { parseNetworkFile } from '../../build/image/config-drive/network-file.ts';
import { defineCommand } from './define.ts';

/** `qx-build answer`: checks answer files for the installer. */
export const answerCommand = defineCommand({
  command: 'answer <action> <file>',
  describe: 'Check an answer file for unattended installation',
  builder: (yargs) =>
    yargs
      .positional('action', {
        choices: ['check'] as const,
        demandOption: true,
        describe: 'What to do with it',
      })
      .positional('file', { type: 'string', demandOption: true, describe: 'The answer file' })
      .epilogue('docs/installing.md shows what belongs into an answer file.'),
  paths: ({ file }) => ({ reads: [file], writes: [] }),
  handler: async ({ file }, { output }) => {
    const text = await readFile(file, 'utf8').catch((cause: unknown) => {
      throw new BuildError({ what: 'the answer file cannot be read', where: file, cause });
    });
    const answer = await parseAnswer(text, file).catch((error: unknown) => {
      if (!(error instanceof ExplainedError)) throw error;
      const { what, where, fix } = error;
      throw new BuildError({ what, where, fix, cause: error });
    });
    // Checked here, because the appliance reads them only at boot.
    for (const [name, values] of Object.entries(answer.configuration.network ?? {})) {
      const lines = Object.entries(values).map(([key, value]) => `${key}=${value}`);
      parseNetworkFile(lines.join('\n'), `${file}, configuration.network.${name}`);
    }
    output.say(`${file}: in order`);
  },
});
