import { defineCommand, requireOnce } from './define.ts';

const EPILOGUE = `Writes SUBJECT.svg, a picture, and SUBJECT.json, the same for programs.

  qx-build report packages new.lock.json --before old.lock.json
  qx-build report sizes dist/quantix-os-….iso --before old/quantix-os-….iso
  qx-build report build dist/quantix-os-….iso`;

/** Checks that an image to compare with is given if the subject needs one, and is not given if it cannot be used. */
function checkBefore(subject: string, before: string | undefined): true | string {
  if (subject === 'packages' && before === undefined) return 'Since when? --before names it';
  return subject !== 'build' || before === undefined || 'A build is compared with nothing';
}

/** `qx-build report`: draws what changed, how large everything is, or how a build went. */
export const reportCommand = defineCommand({
  command: 'report <subject> <image>',
  describe: 'Draw what packages moved, how large everything in an image is, or how its build went',
  builder: (yargs) =>
    yargs
      .positional('subject', {
        choices: ['packages', 'sizes', 'build'] as const,
        demandOption: true,
        describe: 'What to draw',
      })
      .positional('image', {
        type: 'string',
        demandOption: true,
        describe: 'Image, or a lock; of build an image with its manifest beside it',
      })
      .option('before', { type: 'string', describe: 'Image or lock that it is compared with' })
      .option('output', { type: 'string', default: '.', describe: 'Folder for the two files' })
      .check(requireOnce('before', 'output'))
      .check(({ subject, before }) => checkBefore(subject, before))
      .epilogue(EPILOGUE),
  paths: ({ image, before, output }) => ({
    reads: [image, ...(before === undefined ? [] : [before])].flatMap((file) => [
      file,
      `${file}.manifest.json`,
    ]),
    writes: [output],
  }),
  handler: async ({ subject, image, before, output: folder }, { output, signal }) => {
    const { writeReport } = await import('../report.ts');
    await writeReport(subject, { image, before, folder, signal }, output);
  },
});
