import { addImageOptions, chooseProfiles, listImagePaths, toImageOptions } from './context.ts';
import { defineCommand, requireOnce } from './define.ts';

/** `qx-build mirror`: writes a partial Alpine mirror from locks, for sites without a network. */
export const mirrorCommand = defineCommand({
  command: 'mirror',
  describe: 'Write a partial Alpine mirror with the packages of the locks, its index signed anew',
  builder: (yargs) =>
    addImageOptions(yargs)
      .option('output', {
        type: 'string',
        default: 'dist/mirror',
        describe: 'Folder of the mirror',
      })
      .option('key', {
        type: 'string',
        demandOption: true,
        describe: 'RSA private key that signs its indexes (openssl genrsa -out me.rsa 4096)',
      })
      .option('key-name', {
        type: 'string',
        describe: 'File name of the public key on the machines that trust it',
        defaultDescription: 'name of the key and .pub',
      })
      .check(requireOnce('output', 'key', 'key-name')),
  paths: ({ key, ...options }) => {
    const { reads, writes } = listImagePaths(options);
    return { reads: [...reads, key], writes };
  },
  handler: async (options, { output, signal }) => {
    const base = options.base === 'auto' ? 'alpine' : options.base;
    const { mirrorProfiles } = await import('../mirror.ts');
    await mirrorProfiles(
      chooseProfiles(options),
      { file: options.key, name: options.keyName },
      toImageOptions({ ...options, base, release: false }, { output, signal }),
      output,
    );
  },
});
