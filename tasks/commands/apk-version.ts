import { createInterface } from 'node:readline';
import { defineCommand, NO_PATHS } from './define.ts';

/** `qx-build apk version`: answers questions about package versions, one per line. */
export const apkVersionCommand = defineCommand({
  command: 'version',
  describe: 'Compare versions as apk does: reads cmp A B, match A OP B, valid V, a line each',
  builder: (yargs) => yargs,
  paths: () => NO_PATHS,
  handler: async (_, { output, signal }) => {
    const { answerQuestion } = await import('../../build/base/alpine/version/questions.ts');
    const lines = createInterface({
      input: process.stdin,
      crlfDelay: Number.POSITIVE_INFINITY,
      signal,
    });
    for await (const line of lines) if (line.trim() !== '') output.say(answerQuestion(line));
  },
});
