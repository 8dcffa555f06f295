import { makePrintable } from '../../build/drawing/printable.ts';
import { BuildError } from '../../build/error.ts';
import type { TrustedKey } from '../../build/release/keys.ts';
import { type Verdict, verifyFolder } from '../../build/release/verify-folder.ts';
import { readPublicKeyFile } from '../signer.ts';
import { formatBytes, formatCount } from '../ui/format.ts';
import { defineCommand } from './define.ts';

const EPILOGUE = `Needs no network. It ends with 0 if a key that you name has signed the list of files, and each file is as listed;
with 1 it says which file is missing, extra, truncated or changed, or which signature is by somebody else or of another
release.

  qx-build verify --key release.pem dist/0.2.0`;

/** `qx-build verify`: checks that a folder is a release signed by a given key. */
export const verifyCommand = defineCommand({
  command: 'verify <folder>',
  describe: 'Check the signatures of a release and each of its files, without network',
  builder: (yargs) =>
    yargs
      .positional('folder', {
        type: 'string',
        demandOption: true,
        describe: 'Folder with the files of one release',
      })
      .option('key', {
        type: 'string',
        array: true,
        // A second word after the option is the folder, not another value.
        nargs: 1,
        demandOption: true,
        describe: 'Public key whose signature counts: PEM, minisign’s or SSH’s; may be repeated',
      })
      .option('ignore-missing', {
        type: 'boolean',
        default: false,
        describe: 'Check only the files that exist, as sha256sum does',
      })
      .epilogue(EPILOGUE),
  paths: ({ folder, key }) => ({ reads: [folder, ...key], writes: [] }),
  handler: async ({ folder, key, ignoreMissing }, { output, signal }) => {
    const trusted: TrustedKey[] = [];
    for (const file of key) trusted.push(await readPublicKeyFile(file));
    const verdict = await verifyFolder(folder, { trusted, ignoreMissing, signal });
    for (const { kind, file, what } of verdict.findings) {
      output.emit({ event: 'finding', kind, file, what });
      if (!output.json) output.say(`${kind}: ${makePrintable(file)}: ${what}`);
    }
    refuse(folder, verdict);
    const { version, files, bytes, key: by } = verdict;
    const release = version === undefined ? '' : `release ${version}, `;
    output.say(
      `${folder}: ${release}${formatCount(files, 'file')}, ${formatBytes(bytes)}, all as ${by?.name} ${by?.id.slice(0, 16)} has signed them`,
    );
  },
});

/** @throws BuildError if something is wrong with a release, or nothing was checked */
function refuse(folder: string, { key, files, findings }: Verdict): void {
  if (key === undefined) {
    throw new BuildError({
      what: 'no key that you trust has signed this release, so none of its files was checked',
      where: folder,
      fix: 'Get SHA256SUMS and its signatures from the publisher again, and the public key from a second place.',
    });
  }
  const [{ kind, file } = { kind: undefined, file: undefined }] = findings;
  if (kind !== undefined) {
    throw new BuildError({
      what: `this is not the release as it was signed: ${makePrintable(file)} is ${kind}${findings.length > 1 ? `, and ${findings.length - 1} more` : ''}`,
      where: folder,
      fix: 'Get the files named above from the publisher again.',
    });
  }
  if (files > 0) return;
  throw new BuildError({ what: 'none of the files of the release is there', where: folder });
}
