import { dirname, join, resolve } from 'node:path';
import { ARCHITECTURES, type ArchitectureName } from '../architecture.ts';
import { type BaseChoice, selectBase } from '../base/select.ts';
import type { BaseName } from '../bases.ts';
import type { CacheDirectory } from '../cache/directory.ts';
import type { Lock } from '../contract/lock.ts';
import { BuildError } from '../error.ts';
import { ensureCurrentLock, type LockRequest } from '../lock/current.ts';
import { isLocked } from '../lock/file.ts';
import { readToolVersions } from '../process/tool-versions.ts';
import { describeAdditions, withAdditions } from '../profile/additions.ts';
import { loadProfile } from '../profile/load.ts';
import { readPathOverlay } from '../profile/path-overlay.ts';
import {
  type Additions,
  type Flavour,
  findSettings,
  listFlavours,
  type Profile,
} from '../profile/profile.ts';
import { readTrustedKeys, type TrustedKey } from '../release/keys.ts';
import { checkPrograms } from '../sea/known-programs.ts';
import { readPrograms } from '../sea/make.ts';
import { chooseNode, type ProgramNode } from '../sea/runtime.ts';
import type { OwnerKey } from '../secure-boot/owner-key.ts';
import {
  listInstalledDifferently,
  type NpmPackages,
  readInstalled,
  readLocked,
} from '../step/npm.ts';
import { readOverlay } from '../tree/overlay.ts';
import { type ImageFacts, type ImageTool, listPackages } from './facts.ts';
import { FORMATS, type FormatName } from './format.ts';
import { type ImagePlan, makeImageName, planImage } from './plan.ts';
import { readProductVersion } from './product-version.ts';
import { chooseSmallest, QUICK } from './squashfs.ts';

/** File in the cache with the versions of host tools. */
const TOOL_VERSIONS = 'tool-versions.json';

/** Options for building one image or several. */
export interface ImageOptions {
  projectDirectory: string;
  cache: CacheDirectory;
  outputDirectory: string;
  base: BaseChoice;
  architecture: ArchitectureName;
  /** Kernel flavour; if absent, `full`, or the profile's only flavour. */
  flavour?: Flavour | undefined;
  /** Output format; `iso` if absent. */
  format?: FormatName | undefined;
  /**
   * Whether qemu-img converts the image, so that the version of qemu-img is an input; if absent, the format determines
   * this.
   */
  converts?: boolean | undefined;
  /** Packages and kernel parameters in addition to the profile's, for a development build. */
  added?: Additions | undefined;
  /** Build a release: compress for size rather than speed. */
  release: boolean;
  /** Fail if the lock is stale or a package is unavailable; if absent, true for releases only. */
  frozenLock?: boolean | undefined;
  mirror?: string | undefined;
  /** Folder with additional trusted keys. */
  keysDirectory?: string | undefined;
  /** Folder with the public keys that sign releases for the image; without it, the image accepts no updates. */
  releaseKeysDirectory?: string | undefined;
  /** Key of the owner, which signs the boot files. */
  owner?: OwnerKey | undefined;
  /** Accept package indexes older than those in the lock. */
  update?: boolean | undefined;
  /** Use only the cache, not the network. */
  offline?: boolean | undefined;
  /**
   * Maximum number of stages that run at the same time, and of threads of a tool; no limit if absent. No result depends
   * on it.
   */
  jobs?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Receives lines for the user. */
  say: (line: string) => void;
  /** Makes sure that the host has the tools for a base's packages; not called if nothing is built. */
  prepareHost?: ((base: BaseName) => Promise<void>) | undefined;
  /** Plan even if host tools are missing, because nothing is built. */
  withoutTools?: boolean | undefined;
}

/** An image that is planned but not built. */
export interface PreparedImage {
  facts: ImageFacts;
  plan: ImagePlan;
  projectDirectory: string;
  lockRequest: LockRequest;
  frozen: boolean;
  /** See `ImageOptions.jobs`. */
  jobs?: number | undefined;
  /** Absolute path of the image. */
  file: string;
}

/** A profile and its lock. */
export interface LockedProfile {
  profile: Profile;
  lock: Lock;
  flavour: Flavour;
  lockRequest: LockRequest;
  frozen: boolean;
  /** The installed npm packages. */
  installed: NpmPackages;
  /** The Node of the profile's programs; absent if it has no programs. */
  node: ProgramNode | undefined;
}

/**
 * Loads a profile (see `loadProfile`) and its lock. Runs no tools and downloads nothing, unless the lock is stale or
 * packages are added.
 * @throws BuildError if something is added to a release
 */
export async function prepareLock(wanted: string, options: ImageOptions): Promise<LockedProfile> {
  const { projectDirectory, release, added = { packages: [], cmdline: [] } } = options;
  const loaded = await loadProfile(projectDirectory, wanted, options.architecture);
  const frozen = options.frozenLock ?? release;
  await checkPrograms(projectDirectory, loaded);
  const base = await selectBase(options.base, {
    ...options,
    profile: loaded,
    isLocked: (one) => isLocked(loaded, one),
    mayFallBack: !frozen && options.offline !== true,
  });
  const profile = withAdditions(loaded, base.name, added);
  reportAdditions(profile, options);
  if (options.withoutTools !== true) await options.prepareHost?.(base.name);
  const installed = readInstalled(projectDirectory);
  const locked = readLocked(projectDirectory);
  tellDifferences(installed, locked, { ...options, frozen });
  const lockRequest = { ...options, profile, base };
  const lock = await ensureCurrentLock(lockRequest, frozen);
  const flavour = chooseFlavour(profile, base.name, options.flavour);
  const packages = listPackages(lock, flavour);
  const node =
    profile.programs.length === 0
      ? undefined
      : chooseNode(profile, base, { installed, locked, packages });
  return { profile, lock, flavour, lockRequest, frozen, installed, node };
}

/**
 * Loads a profile (see `loadProfile`) and its lock, and plans its image. Runs a host tool only if its version is not in
 * the cache yet.
 * @throws BuildError if the image is a disk that could not make its partitions when it first starts
 */
export async function prepareImage(wanted: string, options: ImageOptions): Promise<PreparedImage> {
  const { projectDirectory, release, jobs } = options;
  const [prepared, toolVersions] = await Promise.all([
    prepareLock(wanted, options),
    readHostToolVersions(options),
  ]);
  const { profile, lock, flavour, lockRequest, frozen, installed, node } = prepared;
  const { base } = lockRequest;
  const overlay = (folder: string) =>
    readOverlay(join(projectDirectory, 'overlay', folder), folder);
  const ownOrShared = (name: string) =>
    name.startsWith('.') ? readOverlay(resolve(dirname(profile.file), name), name) : overlay(name);
  const facts: ImageFacts = {
    profile,
    lock,
    base,
    flavour,
    version: readProductVersion(projectDirectory),
    release,
    format: options.format ?? 'iso',
    compression: release ? chooseSmallest(ARCHITECTURES[options.architecture]) : QUICK,
    overlays: [
      ...[...profile.overlays, ...findSettings(profile, base.name).overlays].map(ownOrShared),
      readPathOverlay(profile),
    ],
    releaseKeys: await releaseKeys(options),
    owner: options.owner,
    initramfsOverlay: overlay('initramfs'),
    programs: node && readPrograms(projectDirectory, node, profile.programPrefix),
    installed,
    toolVersions,
  };
  checkDiskStart(facts);
  const file = resolve(projectDirectory, options.outputDirectory, makeImageName(facts));
  return { facts, plan: planImage(facts), projectDirectory, lockRequest, frozen, jobs, file };
}

/**
 * Checks that the image of a disk has the program that makes its partitions: `init` of the initramfs calls it when the
 * disk first starts. A program in a package does not count, because packages are not opened yet.
 */
function checkDiskStart({ profile, overlays, format }: ImageFacts): void {
  if (FORMATS[format].kind !== 'disk') return;
  const program = `${profile.programPrefix}-disk`;
  const path = `usr/sbin/${program}`;
  if (profile.programs.includes(program)) return;
  if (overlays.some(({ entries }) => entries.some((entry) => entry.path === path))) return;
  throw new BuildError({
    what: `${profile.name} has no program ${program}, which makes the partitions of a disk image when it first starts`,
    where: profile.file,
    fix: `Name it in programs, add an overlay with /${path}, or build an ISO: --format iso.`,
  });
}

/** Returns the same image with another lock, and with that lock's Node. */
export function withLock(image: PreparedImage, lock: Lock): PreparedImage {
  const { projectDirectory } = image;
  const { profile, base, installed, flavour, programs } = image.facts;
  const packages = listPackages(lock, flavour);
  const locked = readLocked(projectDirectory);
  const node = programs && chooseNode(profile, base, { installed, locked, packages });
  const facts = { ...image.facts, lock, programs: programs && { ...programs, ...node } };
  return { ...image, facts, plan: planImage(facts) };
}

/** Reports what a build adds to profile and lock. @throws BuildError if something is added to a release */
function reportAdditions(
  { name, added }: Profile,
  { release, say }: Pick<ImageOptions, 'release' | 'say'>,
): void {
  if (added === undefined) return;
  const options = describeAdditions(added);
  if (release) {
    throw new BuildError({
      what: `a release of ${name} cannot be built with ${options}: it must match its profile and lock`,
      fix: 'Leave out these options, or build without --release.',
    });
  }
  say(`${name}: this image differs from its profile and lock: it is built with ${options}`);
}

/** @throws ExplainedError if a folder is given and contains no key, or a file that is not a key */
async function releaseKeys({ releaseKeysDirectory }: ImageOptions): Promise<TrustedKey[]> {
  if (releaseKeysDirectory === undefined) return [];
  const keys = await readTrustedKeys(releaseKeysDirectory);
  if (keys.length > 0) return keys;
  throw new BuildError({
    what: 'there is no key for releases, *.pem',
    where: releaseKeysDirectory,
    fix: 'Make a pair with qx-build key new, and put the public key there.',
  });
}

/**
 * Returns the kernel flavour of an image: the one asked for, else `full`, else the only one available.
 * @throws BuildError if the profile has no such kernel
 */
function chooseFlavour(profile: Profile, base: BaseName, asked: Flavour | undefined): Flavour {
  const own = listFlavours(findSettings(profile, base));
  const flavour = asked ?? own.at(-1);
  if (flavour !== undefined && own.includes(flavour)) return flavour;
  throw new BuildError({
    what: `${profile.name} has no kernel of the flavour ${flavour} from ${base} for ${profile.architecture}`,
    where: `bases.${base}.architectures.${profile.architecture}.kernel of the profile`,
    fix: `Choose another: FLAVOUR=${own.join(' or ')}.`,
  });
}

/** Warns if the installed npm packages differ from package-lock.json; with a frozen lock, refuses them. */
function tellDifferences(
  installed: NpmPackages,
  locked: NpmPackages,
  { frozen, say }: Pick<ImageOptions, 'say'> & { frozen: boolean },
): void {
  const [first, ...others] = listInstalledDifferently(installed, locked);
  if (first === undefined) return;
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  const problem = new BuildError({
    what: `other npm packages are installed than package-lock.json asks for: ${first}${more}`,
    fix: 'Install those: npm ci',
  });
  if (frozen) throw problem;
  say(problem.message);
}

/**
 * Returns the version of each host tool that affects images of an architecture; `not used` for unneeded tools.
 * @throws BuildError if a tool is missing, unless `withoutTools` is set
 */
export async function readHostToolVersions({
  architecture,
  format = 'iso',
  converts = FORMATS[format].layout !== 'raw',
  cache,
  withoutTools = false,
}: Pick<ImageOptions, 'architecture' | 'format' | 'converts' | 'cache' | 'withoutTools'>): Promise<
  Record<ImageTool, string>
> {
  const { strip } = ARCHITECTURES[architecture];
  const always = ['mksquashfs', 'grub-mkimage', 'mformat', 'xorriso', strip] as const;
  // Not every host has qemu-img, and the raw layout does not need it.
  const converter = converts ? (['qemu-img'] as const) : [];
  const memory = join(cache.root, TOOL_VERSIONS);
  const known = await readToolVersions([...always, ...converter], memory, withoutTools);
  const of = (tool: Exclude<ImageTool, 'strip'> | typeof strip) => known.get(tool) ?? 'not used';
  return {
    mksquashfs: of('mksquashfs'),
    'grub-mkimage': of('grub-mkimage'),
    mformat: of('mformat'),
    xorriso: of('xorriso'),
    'qemu-img': of('qemu-img'),
    strip: of(strip),
  };
}
