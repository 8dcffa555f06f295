import { join } from 'node:path';
import { formatCompletionScript, SHELLS } from '../completion.ts';
import { PROJECT } from '../project.ts';
import { defineCommand, NO_PATHS } from './define.ts';

const EPILOGUE = `The script makes qx-build a command of the shell, in any folder, and completes commands, options and what these
may be. Into ~/.bashrc, or ~/.zshrc with zsh, where /src/quantix is this project:

  source <(/src/quantix/qx-build completion bash)`;

/** `qx-build completion`: prints the script with which a shell completes `qx-build` commands. */
export const completionCommand = defineCommand({
  command: 'completion <shell>',
  describe: 'Print the script that completes words of qx-build in a shell',
  builder: (yargs) =>
    yargs
      .positional('shell', { choices: SHELLS, demandOption: true, describe: 'Whose' })
      .epilogue(EPILOGUE),
  paths: () => NO_PATHS,
  handler: async ({ shell }, { output }) => {
    output.say(formatCompletionScript(shell, [join(PROJECT, 'qx-build')]).trimEnd());
  },
});
