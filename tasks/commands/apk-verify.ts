import { BuildError } from '../../build/error.ts';
import { defineCommand } from './define.ts';

const EPILOGUE = `Prints a line for each file that is good: whole, and signed by a key in the folder. Of one that is not it says
why, looks at the others, and ends with exit code 1. Nothing is unpacked, and no script is run.

  qx-build apk verify --keys-dir keys nginx-1.28.0-r3.apk APKINDEX.tar.gz`;

/** `qx-build apk verify`: checks that packages and indexes are intact and signed by a trusted key. */
export const apkVerifyCommand = defineCommand({
  command: 'verify <files..>',
  describe: 'Check the signature and every byte of packages and indexes',
  builder: (yargs) =>
    yargs
      .positional('files', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'Packages (*.apk) and indexes (*.tar.gz)',
      })
      .option('keys-dir', {
        type: 'string',
        demandOption: true,
        describe: 'Folder of the public keys that are trusted, under their names',
      })
      .epilogue(EPILOGUE),
  paths: ({ keysDir, files = [] }) => ({ reads: [keysDir, ...files], writes: [] }),
  handler: async ({ keysDir, files }, { output, signal }) => {
    const { readKeys } = await import('../../build/base/alpine/signature/keys.ts');
    const { verifyArchive } = await import('../../build/base/alpine/verify.ts');
    const keys = await readKeys(keysDir, output.say);
    const wrong: BuildError[] = [];
    for (const file of files) {
      try {
        const { packages } = await verifyArchive(file, { keys, signal });
        output.say(packages === undefined ? `${file}: OK` : `${file}: OK, ${packages} packages`);
      } catch (error) {
        if (!(error instanceof BuildError) || signal.aborted) throw error;
        output.say(`${file}: ${error.what}`);
        wrong.push(error);
      }
    }
    const [first] = wrong;
    if (first === undefined) return;
    if (files.length === 1) throw first;
    throw new BuildError({ what: `${wrong.length} of ${files.length} files are not good` });
  },
});
