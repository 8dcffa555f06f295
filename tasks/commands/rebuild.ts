import { dirname } from 'node:path';
import { openCache } from '../../build/cache/mark.ts';
import { makePrintable } from '../../build/drawing/printable.ts';
import { BuildError } from '../../build/error.ts';
import { ensureInstalled } from '../../build/host/install.ts';
import { RELEASE_REQUIREMENTS } from '../../build/host/requirements.ts';
import { writeFileAtomically } from '../../build/process/atomic-write.ts';
import type { TrustedKey } from '../../build/release/keys.ts';
import { sealProvenance } from '../../build/release/provenance.ts';
import { readPublished } from '../../build/release/published.ts';
import { formatRebuild, isReproduced, type Rebuild } from '../../build/release/rebuild.ts';
import { PROJECT } from '../project.ts';
import {
  addOptionalSignerOptions,
  isSignerChosen,
  listSignerPaths,
  openSigner,
  readPublicKeyFile,
  SIGNER_OPTIONS,
} from '../signer.ts';
import type { Output } from '../ui/events.ts';
import { formatCount } from '../ui/format.ts';
import { listImagePaths } from './context.ts';
import { cacheOption, defineCommand, requireOnce } from './define.ts';

const EPILOGUE = `The commit and the tools that made a release are in its provenance. It is made in a folder of its own, from the
commit and nothing but downloads, so the clone stays as it is. With --check it ends with 0 if every file is the same, else
with 1 and says of each at which byte it begins to differ; the record of it is an in-toto statement, and signed where
somebody signs (--key, --ssh-agent, --signer). docs/releases.md has the steps.

  qx-build rebuild --check --publisher release.pem 0.2.0/release.json`;

/** `qx-build rebuild`: builds a release again and compares it with the published one. */
export const rebuildCommand = defineCommand({
  command: 'rebuild <list>',
  describe: 'Make a release again from its commit and locks, and say whether it is the same',
  builder: (yargs) =>
    cacheOption(addOptionalSignerOptions(yargs))
      .positional('list', {
        type: 'string',
        demandOption: true,
        describe: 'release.json of the release, with its documents beside it',
      })
      .option('check', {
        type: 'boolean',
        describe: 'Compare every file with the published one, and write a record of it',
      })
      .option('record', {
        type: 'string',
        describe: 'Name of that record; the signed one has an l behind it',
        defaultDescription: 'rebuild.intoto.json',
      })
      .option('output', {
        type: 'string',
        describe: 'Folder to leave the release in, in a folder of its version',
      })
      .option('publisher', {
        type: 'string',
        array: true,
        // A second word after the option is the list, not another value.
        nargs: 1,
        describe: 'Public key that has to have signed the release; one of several',
      })
      .option('unsigned', {
        type: 'boolean',
        describe: 'Make a release again that nobody need have signed',
      })
      .option('release-keys', {
        type: 'string',
        describe: 'Folder with the public keys (*.pem) that the images were built with',
        defaultDescription: 'release-keys of the commit',
      })
      .option('other-tools', {
        type: 'boolean',
        default: false,
        describe: 'Try it with tools of other versions than the release was made with',
      })
      .option('mirror', { type: 'string', describe: 'Address of the package mirror' })
      .option('keys-dir', {
        type: 'string',
        describe: 'Folder with further keys (*.rsa.pub) to trust, for an Alpine mirror of your own',
      })
      .option('offline', {
        type: 'boolean',
        default: false,
        describe: 'Use nothing but downloads in the cache; stop if one is not in it',
      })
      .conflicts('unsigned', 'publisher')
      .check(
        requireOnce(...SIGNER_OPTIONS, 'record', 'output', 'release-keys', 'mirror', 'keys-dir'),
      )
      .check(({ check, output, record, publisher, unsigned, ...options }) => {
        if (check !== true && output === undefined) {
          return 'What for? Give --check, --output FOLDER or both';
        }
        if (check !== true && (record !== undefined || isSignerChosen(options))) {
          return 'Without --check there is nothing to record or sign';
        }
        if (publisher !== undefined || unsigned === true) return true;
        return 'Whose release is it? Give --publisher FILE, the public key, or --unsigned';
      })
      .epilogue(EPILOGUE),
  paths: ({ list, publisher = [], record = RECORD, ...options }) => {
    const { reads, writes } = listImagePaths(options);
    return {
      reads: [dirname(list), ...publisher, ...reads, ...listSignerPaths(options)],
      writes: [dirname(record), ...writes],
    };
  },
  handler: async (options, { output, signal }) => {
    const { list, check, record = RECORD, publisher, mirror, keysDir, offline } = options;
    await ensureInstalled(RELEASE_REQUIREMENTS, { say: output.say, signal });
    const signer = isSignerChosen(options) ? await openSigner(options, signal) : undefined;
    const trusted: TrustedKey[] = [];
    for (const file of publisher ?? []) trusted.push(await readPublicKeyFile(file));
    const { checkRelease, remakeRelease } = await import('../rebuild.ts');
    const published = await readPublished(list, options.unsigned === true ? undefined : trusted);
    const request = {
      ...{ project: PROJECT, cache: openCache(options.cacheDir), signal },
      ...{ output: options.output, releaseKeys: options.releaseKeys },
      otherTools: options.otherTools,
      options: [
        ...(mirror === undefined ? [] : [`--mirror=${mirror}`]),
        ...(keysDir === undefined ? [] : [`--keys-dir=${keysDir}`]),
        ...(offline ? ['--offline'] : []),
      ],
    };
    if (check !== true) {
      await remakeRelease(published, request, output, async ({ folder }) => output.say(folder));
      return;
    }
    const rebuild = await checkRelease(published, request, output);
    const statement = formatRebuild(rebuild);
    await writeFileAtomically(record, statement);
    if (signer !== undefined) {
      await writeFileAtomically(`${record}l`, await sealProvenance(statement, [signer]));
    }
    printFiles(rebuild, output);
    output.say(signer === undefined ? record : `${record}l, signed by ${signer.name}`);
    refuse(rebuild, list);
  },
});

const RECORD = 'rebuild.intoto.json';

function printFiles({ files }: Rebuild, output: Output): void {
  for (const file of files) {
    output.emit({ event: 'remade', ...file });
    if (output.json || file.result === 'same') continue;
    output.say(`${file.result}: ${makePrintable(file.path)}: ${describe(file)}`);
  }
}

function describe(file: Rebuild['files'][number]): string {
  if (file.result === 'missing') return 'it was published, and was not made';
  if (file.result === 'extra') return 'it was made, and had not been published';
  if (file.result === 'same') return 'it is the same';
  const { offset, place } = file;
  if (offset === undefined) return place ?? 'it has another SHA-256';
  return `from byte ${offset} on${place === undefined ? '' : `, ${makePrintable(place)}`}`;
}

/** @throws BuildError if something differs from the published release */
function refuse(rebuild: Rebuild, list: string): void {
  const { files, commit, version } = rebuild;
  if (isReproduced(rebuild)) return;
  const others = files.filter(({ result }) => result !== 'same');
  throw new BuildError({
    what: `commit ${commit.slice(0, 12)} does not give release ${version} again: ${formatCount(others.length, 'file')} of ${files.length} ${others.length === 1 ? 'is' : 'are'} not the same`,
    where: list,
    fix: 'With --output FOLDER what was made stays, and qx-build diff says what differs in two images.',
  });
}
