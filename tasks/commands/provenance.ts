import { dirname } from 'node:path';
import { BY_HAND } from '../../build/release/provenance.ts';
import { paperFiles } from '../summary.ts';
import { givenOnce } from './context.ts';
import { defineCommand } from './define.ts';
import { readSigner } from './key.ts';

const EPILOGUE = `Beside each image goes IMAGE.intoto.json, an in-toto statement, and with --key IMAGE.intoto.jsonl, the
same signed. docs/provenance.md says what is in it.

  qx-build provenance --key release.key dist/*.iso`;

/** `qx-build provenance`: says of images how they were built, signed. */
export const provenanceCommand = defineCommand({
  command: 'provenance <images..>',
  describe: 'Write how images were built: commit, parameters, every package (SLSA provenance)',
  builder: (yargs) =>
    yargs
      .positional('images', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'Images with their manifests and bills of materials',
      })
      .option('key', { type: 'string', describe: 'Private key that signs (qx-build key new)' })
      .option('passphrase-file', {
        type: 'string',
        implies: 'key',
        describe: 'File with its passphrase in the first line',
        defaultDescription: 'it is asked for',
      })
      .option('builder', {
        type: 'string',
        default: BY_HAND,
        describe: 'URI of who built them, such as that of a workflow',
      })
      .check(givenOnce('key', 'passphrase-file', 'builder'))
      .epilogue(EPILOGUE),
  paths: ({ images, key, passphraseFile }) => ({
    reads: [...images, ...images.flatMap(paperFiles), key, passphraseFile].filter(
      (path) => path !== undefined,
    ),
    writes: [...new Set(images.map((image) => dirname(image)))],
  }),
  handler: async ({ images, key, passphraseFile, builder }, { output, signal }) => {
    const { writeProvenance } = await import('../provenance.ts');
    const signer =
      key === undefined ? undefined : await readSigner(key, { file: passphraseFile, signal });
    for (const image of images) {
      const { files, dirty } = await writeProvenance(image, { builder, signer, signal });
      if (dirty) output.say(`Warning: ${image} was built from files that no commit has.`);
      for (const file of files) output.say(file);
    }
  },
});
