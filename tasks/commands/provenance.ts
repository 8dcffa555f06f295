import { dirname } from 'node:path';
import { BY_HAND } from '../../build/release/provenance.ts';
import {
  addOptionalSignerOptions,
  isSignerChosen,
  listSignerPaths,
  openSigner,
  SIGNER_OPTIONS,
} from '../signer.ts';
import { listDocuments } from '../summary.ts';
import { defineCommand, requireOnce } from './define.ts';

const EPILOGUE = `Beside each image goes IMAGE.intoto.json, an in-toto statement, and where somebody signs (--key, --ssh-agent,
--signer) IMAGE.intoto.jsonl, the same signed. docs/provenance.md says what is in it.

  qx-build provenance --key release.key dist/*.iso`;

/** `qx-build provenance`: writes signed statements of how images were built. */
export const provenanceCommand = defineCommand({
  command: 'provenance <images..>',
  describe: 'Write how images were built: commit, parameters, every package (SLSA provenance)',
  builder: (yargs) =>
    addOptionalSignerOptions(yargs)
      .positional('images', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'Images with their manifests and bills of materials',
      })
      .option('builder', {
        type: 'string',
        default: BY_HAND,
        describe: 'URI of who built them, such as that of a workflow',
      })
      .check(requireOnce(...SIGNER_OPTIONS, 'builder'))
      .epilogue(EPILOGUE),
  paths: ({ images, ...options }) => ({
    reads: [...images, ...images.flatMap(listDocuments), ...listSignerPaths(options)],
    writes: [...new Set(images.map((image) => dirname(image)))],
  }),
  handler: async ({ images, builder, ...options }, { output, signal }) => {
    const { writeProvenance } = await import('../provenance.ts');
    const signer = isSignerChosen(options) ? await openSigner(options, signal) : undefined;
    for (const image of images) {
      const { files, dirty } = await writeProvenance(image, { builder, signer, signal });
      if (dirty) output.say(`Warning: ${image} was built from files that no commit has.`);
      for (const file of files) output.say(file);
    }
  },
});
