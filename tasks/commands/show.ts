import {
  addAdditionOptions,
  chooseProfiles,
  listImagePaths,
  lockOptions,
  toImageOptions,
} from './context.ts';
import { defineCommand } from './define.ts';

const SUBJECTS = ['profile', 'packages'] as const;

const EPILOGUE = `profile: what the profile says for this base and architecture, with all defaults, as YAML.
packages: each package by the lock, the largest first, with what it states to take when installed, and why it is there:
"needed by b ← c" is needed by b, which c needs, which the profile asks for. Nothing is downloaded but an index where
the lock is out of date. With --json an event for each of the two.

  qx-build show packages --profile qvdc
  qx-build show profile --profile qvdc --base alpine`;

/** `qx-build show`: shows the effective profile and its packages. */
export const showCommand = defineCommand({
  command: 'show [subject]',
  describe: 'Show what a profile comes to: its keys, its packages, and why each is there',
  builder: (yargs) =>
    addAdditionOptions(lockOptions(yargs))
      .positional('subject', {
        choices: SUBJECTS,
        describe: 'What of it; both if absent',
      })
      .epilogue(EPILOGUE),
  paths: (options) => listImagePaths(options),
  handler: async (options, { output, signal }) => {
    const { showImage } = await import('../show.ts');
    const { subject } = options;
    const subjects = subject === undefined ? SUBJECTS : [subject];
    const image = toImageOptions(
      { ...options, release: false, output: 'dist' },
      { output, signal },
    );
    for (const name of chooseProfiles(options)) {
      await showImage(name, { ...image, subjects }, output);
    }
  },
});
