import { dirname, join, resolve } from 'node:path';
import { ARCHITECTURES, type ArchitectureName } from '../architecture.ts';
import { type BaseChoice, selectBase } from '../base/select.ts';
import type { BaseName } from '../bases.ts';
import type { CacheDirectory } from '../cache/directory.ts';
import type { Lock } from '../contract/lock.ts';
import { BuildError } from '../error.ts';
import { currentLock, type LockRequest } from '../lock/current.ts';
import { isLocked } from '../lock/file.ts';
import { toolVersions } from '../process/tool-versions.ts';
import { loadProfile } from '../profile/load.ts';
import { readPathOverlay } from '../profile/path-overlay.ts';

import { type Flavour, findSettings, listFlavours, type Profile } from '../profile/profile.ts';
import { readTrustedKeys, type TrustedKey } from '../release/keys.ts';
import { checkPrograms } from '../sea/known-programs.ts';
import { readPrograms } from '../sea/make.ts';

import { chooseNode, type ProgramNode } from '../sea/runtime.ts';
import { installedDifferently, type NpmPackages, readInstalled, readLocked } from '../step/npm.ts';
import { readOverlay } from '../tree/overlay.ts';
import { type ImageFacts, type ImageTool, listPackages } from './facts.ts';
import { FORMATS, type FormatName } from './format.ts';
import { type ImagePlan, imageName, planImage } from './plan.ts';
import { readProductVersion } from './product-version.ts';
import { QUICK, smallest } from './squashfs.ts';

/** File in the cache that remembers versions of host tools. */
const TOOL_VERSIONS = 'tool-versions.json';

/** What a user asks for, about one image or several. */
export interface ImageOptions {
  projectDirectory: string;
  cache: CacheDirectory;
  outputDirectory: string;
  base: BaseChoice;
  architecture: ArchitectureName;
  /** The kernel; `full` if absent, or the only one that the profile has. */
  flavour?: Flavour | undefined;
  /** What the image comes as; `iso` if absent. */
  format?: FormatName | undefined;
  /** Whether qemu-img will make something of the image, so that its version is to be known; by the format if absent. */
  converts?: boolean | undefined;
  /** Smallest instead of quickest compression. */
  release: boolean;
  /** Stop when the lock does not fit or a package is gone; by default for a release. */
  frozenLock?: boolean | undefined;
  mirror?: string | undefined;
  /** Folder with further keys to believe. */
  keysDirectory?: string | undefined;
  /** Folder with public keys by which releases for the image are signed; it takes no updates if absent. */
  releaseKeysDirectory?: string | undefined;
  /** Accept package indexes older than those in the lock. */
  update?: boolean | undefined;
  /** Use nothing but the cache. */
  offline?: boolean | undefined;
  signal?: AbortSignal | undefined;
  /** Receives lines for people. */
  say: (line: string) => void;
  /** Sees to it that the host has what packages of a base need; not called where nothing is built. */
  prepareHost?: ((base: BaseName) => Promise<void>) | undefined;
  /** Plans also where host tools are missing, as nothing is built. */
  withoutTools?: boolean | undefined;
}

/** An image that is planned and not yet built. */
export interface PreparedImage {
  facts: ImageFacts;
  plan: ImagePlan;
  projectDirectory: string;
  lockRequest: LockRequest;
  frozen: boolean;
  /** Absolute path of the ISO. */
  file: string;
}

/** A profile, and the packages that it is built from. */
export interface LockedProfile {
  profile: Profile;
  lock: Lock;
  flavour: Flavour;
  lockRequest: LockRequest;
  frozen: boolean;
  /** The npm packages that npm installed. */
  installed: NpmPackages;
  /** The Node of its programs; absent if it has none. */
  node: ProgramNode | undefined;
}

/** Loads a profile, see `loadProfile`, and its lock. Runs no tools, and downloads nothing, unless the lock is stale. */
export async function prepareLock(wanted: string, options: ImageOptions): Promise<LockedProfile> {
  const { projectDirectory, release } = options;
  const profile = await loadProfile(projectDirectory, wanted, options.architecture);
  const frozen = options.frozenLock ?? release;
  await checkPrograms(projectDirectory, profile);
  const base = await selectBase(options.base, {
    ...options,
    profile,
    isLocked: (one) => isLocked(profile, one),
    mayFallBack: !frozen && options.offline !== true,
  });
  if (options.withoutTools !== true) await options.prepareHost?.(base.name);
  const installed = readInstalled(projectDirectory);
  const locked = readLocked(projectDirectory);
  tellDifferences(installed, locked, { ...options, frozen });
  const lockRequest = { ...options, profile, base };
  const lock = await currentLock(lockRequest, frozen);
  const flavour = chooseFlavour(profile, base.name, options.flavour);
  const packages = listPackages(lock, flavour);
  const node =
    profile.programs.length === 0
      ? undefined
      : chooseNode(profile, base, { installed, locked, packages });
  return { profile, lock, flavour, lockRequest, frozen, installed, node };
}

/** Loads a profile, see `loadProfile`, and its lock, and plans its image. Asks tools for their versions, where these are not known. */
export async function prepareImage(wanted: string, options: ImageOptions): Promise<PreparedImage> {
  const { projectDirectory, release } = options;
  const [prepared, toolVersions] = await Promise.all([
    prepareLock(wanted, options),
    hostToolVersions(options),
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
    compression: release ? smallest(ARCHITECTURES[options.architecture]) : QUICK,
    overlays: [
      ...[...profile.overlays, ...findSettings(profile, base.name).overlays].map(ownOrShared),
      readPathOverlay(profile),
    ],
    releaseKeys: await releaseKeys(options),
    initramfsOverlay: overlay('initramfs'),
    programs: node && readPrograms(projectDirectory, node),
    installed,
    toolVersions,
  };
  const file = resolve(projectDirectory, options.outputDirectory, imageName(facts));
  return { facts, plan: planImage(facts), projectDirectory, lockRequest, frozen, file };
}

/** The same image with another lock, and with the Node that is in it. */
export function withLock(image: PreparedImage, lock: Lock): PreparedImage {
  const { projectDirectory } = image;
  const { profile, base, installed, flavour, programs } = image.facts;
  const packages = listPackages(lock, flavour);
  const locked = readLocked(projectDirectory);
  const node = programs && chooseNode(profile, base, { installed, locked, packages });
  const facts = { ...image.facts, lock, programs: programs && { ...programs, ...node } };
  return { ...image, facts, plan: planImage(facts) };
}

/** @throws ExplainedError if a folder was given and there is no key in it, or what is none */
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
 * The kernel flavour of an image: the one that is asked for, else `full`, else the only one that there is.
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

/** Says, or with a lock that is not to move refuses, that npm has installed other packages than are asked for. */
function tellDifferences(
  installed: NpmPackages,
  locked: NpmPackages,
  { frozen, say }: Pick<ImageOptions, 'say'> & { frozen: boolean },
): void {
  const [first, ...others] = installedDifferently(installed, locked);
  if (first === undefined) return;
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  const told = new BuildError({
    what: `other npm packages are installed than package-lock.json asks for: ${first}${more}`,
    fix: 'Install those: npm ci',
  });
  if (frozen) throw told;
  say(told.message);
}

/**
 * Version of each host tool that shapes images of an architecture; `not used` for one that makes nothing of them.
 * @throws BuildError if one is missing, unless `withoutTools`
 */
export async function hostToolVersions({
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
  // Not every host has it, and the raw layout is made without.
  const converter = converts ? (['qemu-img'] as const) : [];
  const memory = join(cache.root, TOOL_VERSIONS);
  const known = await toolVersions([...always, ...converter], memory, withoutTools);
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
