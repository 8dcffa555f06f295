import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { ARCHITECTURES, type ArchitectureName } from '../architecture.ts';
import { type BaseChoice, selectBase } from '../base/select.ts';
import type { CacheDirectory } from '../cache/directory.ts';
import type { Base } from '../contract/base.ts';
import type { Lock } from '../contract/lock.ts';
import { currentLock, type LockRequest } from '../lock/current.ts';
import { lockFile } from '../lock/file.ts';
import { toolVersion } from '../process/tool-version.ts';
import { loadProfile } from '../profile/load.ts';
import { type Flavour, type Profile, settingsOf } from '../profile/profile.ts';
import type { BaseName } from '../profile/schema.ts';
import { readNpmLock } from '../sea/npm-lock.ts';
import { runtimeOf } from '../sea/runtime.ts';
import { readOverlay } from '../tree/overlay.ts';
import { type ImagePlan, isoName, planImage } from './plan.ts';
import { QUICK, SMALLEST } from './squashfs.ts';
import type { ImageFacts, ImageTool, ProgramFacts } from './steps/facts.ts';

/** What a user asks for, about one image or several. */
export interface ImageOptions {
  projectDirectory: string;
  cache: CacheDirectory;
  outputDirectory: string;
  base: BaseChoice;
  architecture: ArchitectureName;
  /** The kernel; `full` if absent. */
  flavour?: Flavour | undefined;
  /** Smallest instead of quickest compression. */
  release: boolean;
  /** Stop when the lock does not fit or a package is gone; by default for a release. */
  frozenLock?: boolean | undefined;
  mirror?: string | undefined;
  /** Folder with further keys to believe. */
  keysDirectory?: string | undefined;
  /** Accept package indexes older than those in the lock. */
  update?: boolean | undefined;
  /** Use nothing but the cache. */
  offline?: boolean | undefined;
  signal?: AbortSignal | undefined;
  /** Receives lines for people. */
  say: (line: string) => void;
}

/** An image that is planned and not yet built. */
export interface PreparedImage {
  facts: ImageFacts;
  plan: ImagePlan;
  base: Base;
  lockRequest: LockRequest;
  frozen: boolean;
  /** Absolute path of the ISO. */
  file: string;
}

/** Loads a profile and its lock, and plans its image. Runs nothing, and downloads nothing unless the lock is stale. */
export async function prepareImage(name: string, options: ImageOptions): Promise<PreparedImage> {
  const { projectDirectory, release } = options;
  const profile = await loadProfile(projectDirectory, name, options.architecture);
  const base = await selectBase(options.base, {
    ...options,
    profile,
    hasAlpineLock: existsSync(lockFile(projectDirectory, profile, 'alpine')),
  });
  const programs = programFacts(profile, base.name, projectDirectory);
  const frozen = options.frozenLock ?? release;
  const lockRequest = { ...options, profile, base };
  const [lock, toolVersions] = await Promise.all([
    currentLock(lockRequest, frozen),
    versions(options.architecture),
  ]);
  const overlay = (folder: string) =>
    readOverlay(join(projectDirectory, 'overlay', folder), folder);
  const facts: ImageFacts = {
    projectDirectory,
    profile,
    lock,
    flavour: options.flavour ?? 'full',
    version: productVersion(projectDirectory),
    compression: release ? SMALLEST : QUICK,
    overlays: [...profile.overlays, ...settingsOf(profile, base.name).overlays].map(overlay),
    initramfsOverlay: overlay('initramfs'),
    programs,
    toolVersions,
  };
  const file = resolve(projectDirectory, options.outputDirectory, isoName(facts));
  return { facts, plan: planImage(facts), base, lockRequest, frozen, file };
}

/** The same image with another lock. */
export function withLock(image: PreparedImage, lock: Lock): PreparedImage {
  const facts = { ...image.facts, lock };
  return { ...image, facts, plan: planImage(facts) };
}

function programFacts(
  profile: Profile,
  base: BaseName,
  projectDirectory: string,
): ProgramFacts | undefined {
  if (profile.programs.length === 0) return undefined;
  const npm = readNpmLock(projectDirectory);
  return { runtime: runtimeOf(profile, base, npm), npm };
}

/** The product's version: that of the project. */
export function productVersion(projectDirectory: string): string {
  const text = readFileSync(join(projectDirectory, 'package.json'), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

async function versions(architecture: ArchitectureName): Promise<Record<ImageTool, string>> {
  const [mksquashfs, grubMkimage, mformat, xorriso, strip] = await Promise.all([
    toolVersion('mksquashfs'),
    toolVersion('grub-mkimage'),
    toolVersion('mformat'),
    toolVersion('xorriso'),
    toolVersion(ARCHITECTURES[architecture].strip),
  ]);
  return { mksquashfs, 'grub-mkimage': grubMkimage, mformat, xorriso, strip };
}
