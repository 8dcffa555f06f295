import { signFolder } from '../../build/release/sign-folder.ts';
import type { Signer } from '../../build/release/signer.ts';
import { addSignerOptions, listSignerPaths, openSigner, SIGNER_OPTIONS } from '../signer.ts';
import { formatBytes, formatCount } from '../ui/format.ts';
import { type CommandContext, defineCommand, requireOnce } from './define.ts';

const EPILOGUE = `Writes SHA256SUMS, SHA256SUMS.minisig for minisign, SHA256SUMS.sig for ssh-keygen and, where there is
a release.json, release.dsse.json. Hidden files are left out.

  qx-build sign --key release.key dist/0.2.0
  qx-build sign --ssh-agent dist/0.2.0
  qx-build sign --signer 'kms-sign release' --public-key release.pem dist/0.2.0`;

/** `qx-build sign`: signs a folder of release files. */
export const signCommand = defineCommand({
  command: 'sign <folder>',
  describe: 'Sign the files of a release, for minisign, ssh-keygen and qx-build verify',
  builder: (yargs) =>
    addSignerOptions(yargs)
      .positional('folder', {
        type: 'string',
        demandOption: true,
        describe: 'Folder with the files of one release',
      })
      .check(requireOnce(...SIGNER_OPTIONS))
      .epilogue(EPILOGUE),
  paths: ({ folder, ...options }) => ({ reads: listSignerPaths(options), writes: [folder] }),
  handler: async ({ folder, ...options }, { output, signal }) => {
    const signer = await openSigner(options, signal);
    await signAndTell(folder, signer, { output, signal });
  },
});

/** Signs a folder of release files, and prints what was written. */
export async function signAndTell(
  folder: string,
  signer: Signer,
  { output, signal }: Pick<CommandContext, 'output' | 'signal'>,
): Promise<void> {
  const { written, files, bytes } = await signFolder(folder, { signer, signal });
  output.say(
    `${folder}: ${formatCount(files, 'file')}, ${formatBytes(bytes)}, signed by ${signer.name}`,
  );
  for (const name of written) output.say(`  ${name}`);
}
