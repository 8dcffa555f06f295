import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { BuildError } from '../../build/error.ts';
import { defineCommand, requireOnce } from './define.ts';

const EPILOGUE = `Reads what a command with --json prints, and shows it in the log of a CI job. Errors that name a file of the
project are shown at its line.

  qx-build iso --json | qx-build annotate --github --summary "$GITHUB_STEP_SUMMARY"
  qx-build iso --json | qx-build annotate --code-quality code-quality.json`;

/** `qx-build annotate`: reports events of `--json` in a CI job. */
export const annotateCommand = defineCommand({
  command: 'annotate',
  describe: 'Print events of --json, from standard input, in the log and reports of a CI job',
  builder: (yargs) =>
    yargs
      .option('github', {
        type: 'boolean',
        default: false,
        describe: 'Mark errors and warnings in the log as GitHub shows them',
      })
      .option('summary', {
        type: 'string',
        describe: 'Append what was built, and what it took, to this file as Markdown',
      })
      .option('code-quality', {
        type: 'string',
        describe: 'Write errors and warnings into this file as GitLab shows them',
      })
      .check(requireOnce('summary', 'code-quality'))
      .epilogue(EPILOGUE),
  paths: ({ summary, codeQuality }) => ({
    reads: [],
    writes: [summary, codeQuality]
      .filter((file) => file !== undefined)
      .map((file) => dirname(file)),
  }),
  handler: async ({ github, summary, codeQuality }, { output, signal }) => {
    if (process.stdin.isTTY) {
      throw new BuildError({
        what: 'there are no events on standard input',
        fix: 'Pipe a command with --json into it.',
      });
    }
    const { annotate } = await import('../annotate.ts');
    const lines = createInterface({ input: process.stdin, crlfDelay: Infinity, signal });
    await annotate(lines, { github, summary, codeQuality }, output);
  },
});
