import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Argv } from 'yargs';
import {
  ARCHITECTURE_NAMES,
  type ArchitectureName,
  DEFAULT_ARCHITECTURE,
} from '../../build/architecture.ts';
import { BASE_CHOICES } from '../../build/base/select.ts';
import { openCache } from '../../build/cache/mark.ts';
import { ensureInstalled } from '../../build/host/install.ts';
import { listBaseRequirements } from '../../build/host/requirements.ts';
import { FORMAT_NAMES } from '../../build/image/format.ts';
import type { ImageOptions } from '../../build/image/prepare.ts';
import { parseAdditions } from '../../build/profile/additions.ts';
import { listProfileNames } from '../../build/profile/load.ts';
import { PROJECT } from '../project.ts';
import { type CommandContext, type CommandPaths, cacheOption, requireOnce } from './define.ts';

/** Adds the options of all commands for images of one architecture. */
export function addImageOptions(yargs: Argv) {
  return addPackageOptions(yargs)
    .option('arch', {
      choices: ARCHITECTURE_NAMES,
      default: DEFAULT_ARCHITECTURE,
      describe: 'CPU that the image is for',
    })
    .check(requireOnce('arch'));
}

/** Adds the options of all commands for images: the choice of profiles. */
export function addProfileOptions(yargs: Argv) {
  return yargs
    .option('profile', {
      type: 'string',
      array: true,
      default: [] as string[],
      defaultDescription: 'all of profiles/',
      describe: 'Profiles to work on: their names, or paths of files from anywhere',
    })
    .option('base', {
      choices: BASE_CHOICES,
      default: 'auto' as const,
      describe: 'Supplier of packages; auto takes Alpine where it is locked, else Debian',
    })
    .check(requireOnce('base'));
}

/** Adds the options of all commands that use packages: the choice of images, the source of packages, and the cache. */
export function addPackageOptions(yargs: Argv) {
  return cacheOption(addProfileOptions(yargs))
    .option('mirror', {
      type: 'string',
      describe: "Address of the package mirror; the host's own or the distribution's if absent",
    })
    .option('keys-dir', {
      type: 'string',
      describe: 'Folder with further keys (*.rsa.pub) to trust, for an Alpine mirror of your own',
    })
    .option('update', {
      type: 'boolean',
      default: false,
      describe: 'Accept package indexes that are older than those in the lock, or no longer valid',
    })
    .check(requireOnce('mirror', 'keys-dir'));
}

/** Returns the paths in the options of `addImageOptions`, and the folder of `--output` if given. */
export function listImagePaths(options: {
  profile?: readonly string[];
  mirror?: string | undefined;
  keysDir?: string | undefined;
  releaseKeys?: string | undefined;
  secureBoot?: string | undefined;
  output?: string | undefined;
  cacheDir?: string | undefined;
}): CommandPaths {
  const { profile, mirror = '', keysDir, releaseKeys, secureBoot, output, cacheDir } = options;
  return {
    reads: [
      ...(URL.canParse(mirror) && mirror.startsWith('file:') ? [fileURLToPath(mirror)] : []),
      ...listProfileFolders(profile),
      ...[keysDir, releaseKeys, secureBoot].filter((path) => path !== undefined),
    ],
    writes: [output, cacheDir].filter((path) => path !== undefined),
  };
}

/** Adds the options of all commands that use the packages of one image. */
export function lockOptions(yargs: Argv) {
  return addImageOptions(yargs)
    .option('flavour', {
      choices: ['virt', 'full'] as const,
      describe: 'Kernel: full boots everywhere; virt is small, for virtual machines with virtio',
      defaultDescription: 'full, or the one that the profile has',
    })
    .option('offline', {
      type: 'boolean',
      default: false,
      describe: 'Use nothing but the cache; stop if something is not in it',
    })
    .check(requireOnce('flavour'));
}

/** Adds the options of all commands that plan or build an image. */
export function buildOptions(yargs: Argv) {
  return lockOptions(yargs)
    .option('format', {
      choices: FORMAT_NAMES,
      default: 'iso' as const,
      describe: 'What the image comes as: for a CD or USB stick, or as the disk of a machine',
    })
    .option('release', {
      type: 'boolean',
      default: false,
      describe: 'Make the smallest image, from the lock as it stands',
    })
    .option('release-keys', {
      type: 'string',
      describe: 'Folder with public keys (*.pem): the image takes updates that these have signed',
    })
    .option('frozen-lock', {
      type: 'boolean',
      describe: 'Stop if the lock does not fit the profile or the mirror lost a package',
      defaultDescription: 'only with --release',
    })
    .option('output', { type: 'string', default: 'dist', describe: 'Folder for what is built' })
    .check(requireOnce('format', 'output', 'release-keys'));
}

/** Adds the options of all commands that run or explain the steps of an image. */
export function addStepOptions(yargs: Argv) {
  return buildOptions(yargs).option('remote-cache', {
    type: 'boolean',
    default: true,
    describe:
      'Take results of others from the cache at $QUANTIX_REMOTE_CACHE; with --no-remote-cache the image contains none of them',
  });
}

/** Adds the options of all commands for development images: what these have in addition to profile and lock. */
export function addAdditionOptions<T>(yargs: Argv<T>) {
  return addPackageOption(yargs)
    .option('cmdline', {
      type: 'string',
      describe:
        'Kernel parameters that it has besides those of the profile: "nomodeset loglevel=7"',
    })
    .check(requireOnce('cmdline'));
}

/** Adds the option of all commands for development images: packages in addition to those of profile and lock. */
export function addPackageOption<T>(yargs: Argv<T>) {
  return yargs.option('package', {
    type: 'string',
    array: true,
    nargs: 1,
    default: [] as string[],
    defaultDescription: 'none',
    describe: 'Package that it has besides those of the profile and its lock, which stays as it is',
  });
}

/** Adds the option of all commands that build: the number of parallel stages and threads. */
export function addJobsOption<T>(yargs: Argv<T>) {
  return yargs
    .option('jobs', {
      type: 'number',
      describe:
        'Maximum number of stages at the same time, and of threads of a tool that has several',
      defaultDescription: 'no limit, and as many threads as processors',
    })
    .check(requireOnce('jobs'))
    .check(({ jobs }) => isJobs(jobs) || `--jobs is a whole number from 1 to ${MOST_JOBS}`);
}

/** Maximum number of jobs, because mksquashfs(1) starts as many threads as are requested. */
const MOST_JOBS = 1024;

function isJobs(jobs: number | undefined): boolean {
  return jobs === undefined || (Number.isInteger(jobs) && jobs >= 1 && jobs <= MOST_JOBS);
}

/** Converts the options of `buildOptions` to those of the library. */
export function toImageOptions(
  options: Omit<
    ImageOptions,
    | 'projectDirectory'
    | 'cache'
    | 'outputDirectory'
    | 'architecture'
    | 'added'
    | 'say'
    | 'keysDirectory'
    | 'releaseKeysDirectory'
    | 'prepareHost'
  > & {
    output: string;
    arch: ArchitectureName;
    cacheDir: string | undefined;
    keysDir?: string | undefined;
    releaseKeys?: string | undefined;
    package?: readonly string[] | undefined;
    cmdline?: string | undefined;
  },
  { output, signal }: Pick<CommandContext, 'output' | 'signal'>,
): ImageOptions {
  const { package: packages = [], cmdline = '' } = options;
  return {
    ...options,
    added: parseAdditions({ packages, cmdline }),
    projectDirectory: PROJECT,
    cache: openCache(options.cacheDir),
    outputDirectory: resolve(options.output),
    architecture: options.arch,
    keysDirectory: options.keysDir,
    releaseKeysDirectory: options.releaseKeys,
    signal,
    say: output.say,
    prepareHost: (base) => ensureInstalled(listBaseRequirements(base), { say: output.say, signal }),
  };
}

/** Returns the profiles that a command works on: those named, without duplicates, else all. */
export function chooseProfiles({ profile }: { profile: readonly string[] }): readonly string[] {
  return profile.length > 0 ? [...new Set(profile.map(findProfile))] : listProfileNames(PROJECT);
}

/** Converts a profile option for the library: the name of a profile in the project, or the absolute path of another. */
export function findProfile(wanted: string): string {
  if (!isPath(wanted)) return wanted;
  const file = resolve(wanted);
  return dirname(file) === join(PROJECT, 'profiles') ? basename(file, '.ts') : file;
}

/** Returns the folders of the profiles that are given as paths: a profile uses other files in its folder. */
export function listProfileFolders(profiles: readonly string[] = []): string[] {
  return profiles.filter(isPath).map((path) => dirname(path));
}

function isPath(profile: string): boolean {
  return profile.includes('/') || /\.[cm]?[jt]s$/.test(profile);
}
