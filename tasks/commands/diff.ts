import { ExplainedError } from '../../build/explained-error.ts';
import { CommandExit, defineCommand } from './define.ts';

const EPILOGUE = `Compares packages, settings, sizes and files of two ISOs, disks (raw, qcow2), root filesystems
(tar, squashfs) or locks. The exit code is 0 if they are the same, 1 if they differ, 2 if they cannot be compared.

  qx-build diff old/quantix-os-….iso dist/quantix-os-….iso
  qx-build diff --markdown old.lock.json new.lock.json >> "$GITHUB_STEP_SUMMARY"`;

/** Exit codes of diff(1). */
const [DIFFERENT, TROUBLE] = [1, 2];

/** `qx-build diff`: shows the differences between two images or locks. */
export const diffCommand = defineCommand({
  command: 'diff <before> <after>',
  describe: 'Say what differs between two images or locks: packages, settings, sizes, files',
  builder: (yargs) =>
    yargs
      .positional('before', { type: 'string', demandOption: true, describe: 'The old one' })
      .positional('after', { type: 'string', demandOption: true, describe: 'The new one' })
      .option('markdown', {
        type: 'boolean',
        describe: 'Print Markdown, for the summary of a CI job',
      })
      .conflicts('markdown', 'json')
      .epilogue(EPILOGUE),
  paths: ({ before, after }) => ({
    reads: [before, after].flatMap((file) => [file, `${file}.manifest.json`]),
    writes: [],
  }),
  handler: async ({ before, after, markdown = false }, { output, signal }) => {
    const { printDifferences } = await import('../diff.ts');
    try {
      const same = await printDifferences({ before, after, markdown, signal }, output);
      if (!same) throw new CommandExit(DIFFERENT);
    } catch (error) {
      // As in diff(1), scripts expect an exit code for differences, and another one for errors.
      if (error instanceof ExplainedError) throw new CommandExit(TROUBLE, { cause: error });
      throw error;
    }
  },
});
