import { ARCHITECTURE_NAMES, type ArchitectureName } from '../build/architecture.ts';
import { type BaseChoice, selectBase } from '../build/base/select.ts';
import { BASE_NAMES, type BaseName } from '../build/bases.ts';
import type { CacheDirectory } from '../build/cache/directory.ts';
import { describeUnreviewed, type PackageScript } from '../build/contract/scripts.ts';
import {
  type Obstacles,
  SCRIPTS_FIX,
  SCRIPTS_HEAD,
  Unresolved,
} from '../build/contract/unresolved.ts';
import { BuildError } from '../build/error.ts';
import { renewLock } from '../build/lock/current.ts';
import { isLocked, lockFile } from '../build/lock/file.ts';
import { loadProfile } from '../build/profile/load.ts';

/** Options for resolving profiles. */
export interface LockOptions {
  projectDirectory: string;
  cache: CacheDirectory;
  base: BaseChoice;
  architecture: ArchitectureName;
  mirror?: string | undefined;
  keysDirectory?: string | undefined;
  /** Accept package indexes older than those in the locks. */
  update: boolean;
  signal: AbortSignal;
  say: (line: string) => void;
  /** Makes sure that the host has the tools for resolving from a base. */
  prepareHost: (base: BaseName) => Promise<void>;
}

/**
 * Resolves profiles and writes a lock for each that can be resolved; prints what changed, and the unreviewed package
 * scripts.
 * @throws Unresolved with the problems of all profiles; BuildError if they have a single common cause
 */
export async function lockProfiles(names: readonly string[], options: LockOptions): Promise<void> {
  const found: Obstacles[] = [];
  const failures = new Map<string, BuildError>();
  for (const name of names) {
    try {
      found.push({ profile: name, problems: [], scripts: await lockProfile(name, options) });
    } catch (error) {
      if (!(error instanceof BuildError) || options.signal.aborted) throw error;
      failures.set(error.message, error);
      if (error instanceof Unresolved) found.push(...error.obstacles);
      else found.push({ profile: name, problems: [error.message], scripts: [] });
    }
  }
  const [only, ...others] = failures.values();
  // A mirror that does not answer is the same error for all profiles.
  if (only !== undefined && others.length === 0 && !(only instanceof Unresolved)) throw only;
  if (found.some(({ problems }) => problems.length > 0)) throw new Unresolved(found);
  const open = describeUnreviewed(found.flatMap(({ scripts }) => scripts));
  if (open.length > 0) options.say(['', SCRIPTS_HEAD, ...open, '', SCRIPTS_FIX].join('\n'));
}

/**
 * Lists the paths of all locks that profiles can have, whether they exist or not: one for each base and architecture of
 * each profile.
 * @param names names of profiles in the project, or absolute paths of others
 */
export async function listLocks(
  names: readonly string[],
  projectDirectory: string,
): Promise<string[]> {
  const locks: string[] = [];
  for (const name of names) {
    for (const architecture of ARCHITECTURE_NAMES) {
      const profile = await loadProfile(projectDirectory, name, architecture);
      const bases = BASE_NAMES.filter((base) => profile.bases[base] !== undefined);
      locks.push(...bases.map((base) => lockFile(profile, base)));
    }
  }
  return locks.toSorted();
}

/** Writes the lock of a profile; returns the scripts of its packages. */
async function lockProfile(name: string, options: LockOptions): Promise<readonly PackageScript[]> {
  const { projectDirectory, architecture, say } = options;
  const profile = await loadProfile(projectDirectory, name, architecture);
  const base = await selectBase(options.base, {
    ...options,
    profile,
    isLocked: (one) => isLocked(profile, one),
    mayFallBack: false,
  });
  await options.prepareHost(base.name);
  const { moved, scripts } = await renewLock({ ...options, profile, base });
  say(`${profile.name}.${base.name}.${architecture}: ${moved.length === 0 ? 'nothing moved' : ''}`);
  for (const line of moved) say(`  ${line}`);
  return scripts;
}
