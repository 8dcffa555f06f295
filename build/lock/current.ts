import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_ARCHITECTURE } from '../architecture.ts';
import type { CacheDirectory } from '../cache/directory.ts';
import type { Base, ResolveRequest } from '../contract/base.ts';
import type { Lock } from '../contract/lock.ts';
import type { PackageScript } from '../contract/scripts.ts';
import { BuildError } from '../error.ts';
import { isOfProject } from '../profile/load.ts';
import type { Profile } from '../profile/profile.ts';
import { computeDigest } from '../step/digest.ts';
import { describeDifferences, requestDifferences } from './compare.ts';
import { lockFile, readLock, writeLock } from './file.ts';

const NO_LOCK = 'there is no lock yet';

/** Options for reading or resolving a lock. */
export interface LockRequest {
  projectDirectory: string;
  cache: CacheDirectory;
  profile: Profile;
  base: Base;
  mirror?: string | undefined;
  keysDirectory?: string | undefined;
  /** Accept package indexes older than those in the lock. */
  update?: boolean | undefined;
  /** Use only the cache. */
  offline?: boolean | undefined;
  signal?: AbortSignal | undefined;
  /** Receives a line for the user when something differs from the lock. */
  say: (line: string) => void;
}

/**
 * Returns the lock to build with: the profile's own if it matches the profile. Otherwise, or if there is none, packages
 * are resolved for this build; only `make lock` saves the result. Packages that a build adds are never saved.
 * @param frozen fail instead of resolving
 * @throws BuildError if frozen and the lock is stale, and as `Base.resolve` does
 */
export async function ensureCurrentLock(request: LockRequest, frozen: boolean): Promise<Lock> {
  const { profile, base } = request;
  const file = lockFile(profile, base.name);
  const locked = readLock(file);
  const differences =
    locked === undefined ? [NO_LOCK] : requestDifferences(locked.request, base.request(profile));
  if (locked !== undefined && differences.length === 0) return locked;
  const added = profile.added?.packages ?? [];
  if (frozen && added.length > 0) {
    throw new BuildError({
      what: `this build takes the lock as it stands, in which ${added.join(', ')} cannot be added`,
      where: file,
      fix: 'Leave --package out, or --frozen-lock. What all images are to have belongs into the profile.',
    });
  }
  if (frozen) {
    throw new BuildError({
      what:
        locked === undefined
          ? NO_LOCK
          : `the lock does not fit the profile: ${differences.join('; ')}`,
      where: file,
      fix: `Write it with \`${lockCommand(request)}\` and commit it.`,
    });
  }
  const why = `${profile.name}: resolved anew (${differences.join('; ')}).`;
  const question = [base.request(profile), locked ?? null];
  if (added.length > 0) {
    const { lock } = await resolvedAnew(request, { before: locked, question });
    const moved = describeDifferences(locked?.packages ?? [], lock.packages);
    request.say(
      `${why} This is for this build only: ${file} stays as it is. Against the lock: ${shortList(moved)}.`,
    );
    return lock;
  }
  request.say(`${why} \`${lockCommand(request)}\` keeps the result.`);
  return (await resolvedAnew(request, { before: locked, question })).lock;
}

/** A lock in place of one whose packages are gone. */
export interface Replacement {
  lock: Lock;
  /** Whether an earlier build resolved it: then its packages may be gone, too. */
  remembered: boolean;
}

/**
 * Resolves a new lock in place of one whose packages the mirror no longer has.
 * @param gone the packages that this build has found missing: `bash 5.2-1`
 * @throws BuildError if frozen, and as `Base.resolve` does
 */
export async function lockWithout(
  gone: readonly string[],
  locked: Lock,
  request: LockRequest,
  frozen: boolean,
): Promise<Replacement> {
  const { profile, base } = request;
  if (frozen) {
    throw new BuildError({
      what: `the mirror no longer has ${gone.join(', ')}`,
      where: lockFile(profile, base.name),
      fix: `Write the lock again with \`${lockCommand(request)}\` and commit it, or name a mirror that has them: MIRROR=…`,
    });
  }
  const replacement = await resolvedAnew(request, {
    ...{ before: locked, question: [locked, gone] },
    isUsable: ({ packages }) =>
      !packages.some(({ name, version }) => gone.includes(`${name} ${version}`)),
  });
  const { lock } = replacement;
  const moved = describeDifferences(locked.packages, lock.packages);
  const keep = profile.added === undefined ? ` \`${lockCommand(request)}\` keeps this.` : '';
  request.say(`${profile.name}: the mirror moved: ${shortList(moved)}.${keep}`);
  return replacement;
}

/** Returns the command that writes a profile's lock for its architecture. */
export function lockCommand({
  base,
  profile,
  projectDirectory,
}: Pick<LockRequest, 'profile' | 'projectDirectory'> & { base: Pick<Base, 'name'> }): string {
  const { architecture, file } = profile;
  if (!isOfProject(profile, projectDirectory)) {
    return `qx-build lock --profile ${file} --base ${base.name} --arch ${architecture}`;
  }
  const cpu = architecture === DEFAULT_ARCHITECTURE ? '' : ` ARCH=${architecture}`;
  return `make lock BASE=${base.name}${cpu}`;
}

/** Result of `make lock` for a profile. */
export interface RenewedLock {
  /** Packages that changed, one line each. */
  moved: string[];
  /** Scripts of the packages, none of which is run. */
  scripts: readonly PackageScript[];
}

/** Resolves a profile and writes its lock. */
export async function renewLock(request: LockRequest): Promise<RenewedLock> {
  const { profile, base } = request;
  const file = lockFile(profile, base.name);
  const before = readLock(file);
  const { lock, scripts } = await resolve(request, before);
  await writeLock(file, lock);
  return { moved: describeDifferences(before?.packages ?? [], lock.packages), scripts };
}

/** What is resolved. */
interface Question {
  before: Lock | undefined;
  question: readonly unknown[];
  /** Whether a cached lock may be returned; any if absent. */
  isUsable?: (known: Lock) => boolean;
}

/**
 * Resolves packages, or returns the cached lock of an earlier resolution with the same base, architecture, mirror, keys
 * and `question`.
 */
async function resolvedAnew(
  request: LockRequest,
  { before, question, isUsable = () => true }: Question,
): Promise<Replacement> {
  const { base, mirror, keysDirectory } = request;
  const asked = computeDigest([
    base.name,
    request.profile.architecture,
    mirror ?? null,
    keysDirectory === undefined ? null : await keysIn(keysDirectory),
    ...question,
  ]);
  const file = join(request.cache.resolved, `${asked}.json`);
  const known = readRemembered(file);
  if (known !== undefined && isUsable(known)) return { lock: known, remembered: true };
  const lock = await writeLock(file, (await resolve(request, before)).lock);
  return { lock, remembered: false };
}

/** Reads a lock from the cache; a damaged one, or one of an older toolchain, is ignored. */
function readRemembered(file: string): Lock | undefined {
  try {
    return readLock(file);
  } catch (error) {
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

/** File name → content of the files in a folder with keys. If the folder cannot be read, the base reports the error. */
async function keysIn(directory: string): Promise<Record<string, string>> {
  const names = existsSync(directory) ? await readdir(directory) : [];
  const keys = names.filter((name) => name.endsWith('.pub'));
  const contents = keys.map(
    async (name) => [name, await readFile(join(directory, name), 'utf8')] as const,
  );
  return Object.fromEntries(await Promise.all(contents));
}

async function resolve(
  request: LockRequest,
  before: Lock | undefined,
): Promise<{ lock: Lock; scripts: readonly PackageScript[] }> {
  const { profile, base, update, offline, say } = request;
  if (offline === true) {
    throw new BuildError({
      what: `${profile.name} has to be resolved anew, which needs a mirror`,
      fix: 'Leave --offline out, or go back to what the lock was resolved from.',
    });
  }
  const notOlderThan = update === true ? undefined : before?.repositories;
  const { scripts = [], ...resolution } = await base.resolve({
    ...resolveRequest(request),
    notOlderThan,
    acceptOutdated: update,
    say,
  });
  const { name, architecture } = profile;
  return {
    lock: { format: 1, profile: name, base: base.name, architecture, ...resolution },
    scripts,
  };
}

/** Returns the input for the base's `resolve`. */
export function resolveRequest(request: LockRequest): ResolveRequest {
  const { profile, mirror, keysDirectory, signal, cache } = request;
  return { profile, mirror, keysDirectory, signal, cacheDirectory: cache.root };
}

function shortList(lines: readonly string[]): string {
  const shown = lines.slice(0, 6).join(', ');
  return lines.length > 6 ? `${shown} and ${lines.length - 6} more` : shown;
}
