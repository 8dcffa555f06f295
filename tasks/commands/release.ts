import { isAbsolute, join } from 'node:path';
import {
  ARCHITECTURE_NAMES,
  type ArchitectureName,
  DEFAULT_ARCHITECTURE,
} from '../../build/architecture.ts';
import { openCache } from '../../build/cache/mark.ts';
import { BuildError } from '../../build/error.ts';
import { ensureInstalled } from '../../build/host/install.ts';
import {
  buildRequirements,
  LAYOUT_REQUIREMENTS,
  RELEASE_REQUIREMENTS,
} from '../../build/host/requirements.ts';
import { prepareImage } from '../../build/image/prepare.ts';
import { readProductVersion } from '../../build/image/product-version.ts';
import {
  chooseFormats,
  RELEASE_FORMAT_NAMES,
  type ReleaseFormatName,
} from '../../build/image/release-formats.ts';
import { requireCommit } from '../../build/image/source-state.ts';
import { listProfileNames } from '../../build/profile/load.ts';
import { BY_HAND } from '../../build/release/provenance.ts';
import { withBuildLog } from '../build-log.ts';
import { PROJECT } from '../project.ts';
import {
  addOptionalSignerOptions,
  isSignerChosen,
  listSignerPaths,
  openSigner,
  SIGNER_OPTIONS,
} from '../signer.ts';
import {
  addJobsOption,
  addPackageOptions,
  chooseProfiles,
  listImagePaths,
  toImageOptions,
} from './context.ts';
import { defineCommand, requireOnce } from './define.ts';
import { signAndTell } from './sign.ts';

const EPILOGUE = `Everything goes to one folder, dist/VERSION, and is listed in its release.json and SHA256SUMS. Where somebody
signs (--key, --ssh-agent, --signer), the folder is signed as qx-build sign does.

  qx-build release --base alpine --release-keys release-keys --key release.key
  qx-build release --profile qvdc --format iso --format ova`;

/** `qx-build release`: makes all images of a version, each built once and written in all formats. */
export const releaseCommand = defineCommand({
  command: 'release',
  describe: 'Build a release: all images in all formats, from the locks as they stand',
  builder: (yargs) =>
    addJobsOption(addOptionalSignerOptions(addPackageOptions(yargs)))
      .option('arch', {
        choices: ARCHITECTURE_NAMES,
        array: true,
        default: [DEFAULT_ARCHITECTURE] as ArchitectureName[],
        describe: 'CPUs that the images are for',
      })
      .option('format', {
        choices: RELEASE_FORMAT_NAMES,
        array: true,
        default: [] as ReleaseFormatName[],
        defaultDescription: 'all that there are for the CPU',
        describe: 'What each image comes as besides its ISO',
      })
      .option('flavour', {
        choices: ['virt', 'full'] as const,
        describe: 'Kernel: full boots everywhere; virt is small, for virtual machines with virtio',
        defaultDescription: 'full',
      })
      .option('release-keys', {
        type: 'string',
        describe: 'Folder with public keys (*.pem): the images take updates that these have signed',
      })
      .option('offline', {
        type: 'boolean',
        default: false,
        describe: 'Use nothing but the cache; stop if something is not in it',
      })
      .option('builder', {
        type: 'string',
        default: BY_HAND,
        describe: 'URI of who builds, for the provenance, such as that of a workflow',
      })
      .option('since', {
        type: 'string',
        describe: 'Commit or tag of an earlier release: draw which packages moved since then',
      })
      .option('output', {
        type: 'string',
        default: 'dist',
        describe: 'Folder that the folder of the version is made in',
      })
      .check(
        requireOnce(...SIGNER_OPTIONS, 'flavour', 'release-keys', 'builder', 'since', 'output'),
      )
      .epilogue(EPILOGUE),
  paths: (options) => {
    const { reads, writes } = listImagePaths(options);
    return { reads: [...reads, ...listSignerPaths(options)], writes };
  },
  handler: async (options, { output, signal }) => {
    await ensureInstalled(RELEASE_REQUIREMENTS, { say: output.say, signal });
    // The signer is opened before the build, which takes hours: the key may be missing, or its passphrase is asked for.
    const signer = isSignerChosen(options) ? await openSigner(options, signal) : undefined;
    const profiles = chooseProfiles(options);
    refuseOutside(profiles);
    await requireCommit(PROJECT, signal);
    const architectures = [...new Set(options.arch)];
    const wanted = architectures.map((arch) => chooseFormats(options.format, arch));
    const layouts = wanted.flat().includes('qcow2') ? LAYOUT_REQUIREMENTS : [];
    const requirements = [...architectures.flatMap(buildRequirements), ...layouts];
    await ensureInstalled(requirements, { say: output.say, signal });
    const directory = join(options.output, readProductVersion(PROJECT));
    const prepare = async (name: string, arch: ArchitectureName) => {
      const { format: _, ...asked } = options;
      const one = {
        ...asked,
        arch,
        release: true,
        output: directory,
        converts: layouts.length > 0,
      };
      const image = await prepareImage(name, toImageOptions(one, { output, signal }));
      return { image, formats: chooseFormats(options.format, arch) };
    };
    const { buildRelease } = await import('../release.ts');
    const { builder, since } = options;
    const what = `release of ${profiles.join(', ')}`;
    await withBuildLog(openCache(options.cacheDir), what, async () => {
      const [first, ...others] = await Promise.all(
        architectures.flatMap((arch) => profiles.map((name) => prepare(name, arch))),
      );
      if (first === undefined) throw new BuildError({ what: 'there is no profile to release' });
      const about = { profiles: listProfileNames(PROJECT), builder, since };
      await buildRelease([first, ...others], about, output);
    });
    if (signer !== undefined) await signAndTell(directory, signer, { output, signal });
  },
});

/** Refuses profiles outside the project: a release is rebuilt from one commit, by the names of the profiles in it. */
function refuseOutside(profiles: readonly string[]): void {
  const outside = profiles.find((profile) => isAbsolute(profile));
  if (outside === undefined) return;
  throw new BuildError({
    what: 'a release is made of profiles of the project only, for its provenance names one commit',
    where: outside,
    fix: 'Commit the profile to profiles/ of the project, or build the image with qx-build iso --release.',
  });
}
