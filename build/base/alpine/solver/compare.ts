import type { Provider } from '../database/model.ts';
import { compareVersions } from '../version/compare.ts';
import { Flag } from './flags.ts';
import { ONLY_UNTAGGED, type PackageState, type SolverState } from './state.ts';

/** Two providers of one name, with their state in the solver. */
interface Pair {
  readonly solver: SolverState;
  /** Preferences for either package: bits of `Flag`. */
  readonly flags: number;
  readonly a: Provider;
  readonly b: Provider;
  readonly stateA: PackageState;
  readonly stateB: PackageState;
}

/**
 * Compares two candidates for a name.
 * @returns more than 0 if the first is preferred, less than 0 if the second is, 0 if they are equivalent
 */
export function compareProviders(solver: SolverState, a: Provider, b: Provider): number {
  const [stateA, stateB] = [solver.ofPackage(a.package), solver.ofPackage(b.package)];
  const pair = { solver, flags: stateA.flags | stateB.flags, a, b, stateA, stateB };
  const removing = (pair.flags & Flag.remove) !== 0;
  const installed = prefer(a.package.installed !== undefined, b.package.installed !== undefined);
  return (
    (wantsLatest(pair) ? comparePossible(pair) : compareFitting(pair)) ||
    compareVersionsOf(pair) ||
    a.package.providerPriority - b.package.providerPriority ||
    (removing ? 0 : installed) ||
    prefer(stateA.selectable, stateB.selectable) ||
    firstRepository(b.package.repositories) - firstRepository(a.package.repositories)
  );
}

function prefer(a: boolean, b: boolean): number {
  return Number(a) - Number(b);
}

/** Whether the newest version is preferred even if it breaks something (`--latest`); not for packages with a tag. */
function wantsLatest({ flags, stateA, stateB }: Pair): boolean {
  return (
    (flags & Flag.latest) !== 0 &&
    stateA.allowedTags === ONLY_UNTAGGED &&
    stateB.allowedTags === ONLY_UNTAGGED
  );
}

/** The order with `--latest`: packages that the tags allow first, then available ones. */
function comparePossible({ flags, stateA, stateB }: Pair): number {
  const tags = prefer(stateA.tagAllowed, stateB.tagAllowed);
  if (tags !== 0) return tags;
  if ((flags & Flag.available) !== 0) return prefer(stateA.available, stateB.available);
  if ((flags & Flag.reinstall) !== 0) return prefer(stateA.selectable, stateB.selectable);
  return 0;
}

/** The default order: fewest conflicts first, then packages that the tags prefer, then installed ones. */
function compareFitting({ solver, flags, a, b, stateA, stateB }: Pair): number {
  const installed = prefer(a.package.installed !== undefined, b.package.installed !== undefined);
  const upgrade = (flags & Flag.upgrade) !== 0;
  const removing = (flags & Flag.remove) !== 0;
  const stay = (solver.selfUpgrade && !upgrade) || (flags & Flag.installed) !== 0;
  return (
    prefer(stateA.selectable, stateB.selectable) ||
    prefer(stateA.dependenciesUsed, stateB.dependenciesUsed) ||
    stateB.conflicts - stateA.conflicts ||
    (stay ? installed : 0) ||
    prefer(stateA.tagAllowed, stateB.tagAllowed) ||
    ((flags & Flag.available) === 0 ? 0 : prefer(stateA.available, stateB.available)) ||
    prefer(stateA.tagPreferred, stateB.tagPreferred) ||
    (upgrade || removing ? 0 : installed)
  );
}

/**
 * Compares the versions with which two packages provide a name (a missing version is less than any version), then, if
 * the packages have the same name, their own versions.
 */
function compareVersionsOf({ a, b }: Pair): number {
  const asked = compareVersions(a.version ?? '', b.version ?? '');
  if (asked !== 0) return asked;
  if (a.package.name !== b.package.name) return 0;
  return compareVersions(a.package.version, b.package.version);
}

/** Number of the lowest bit that is set, from 1; 0 if there is none. */
function firstRepository(repositories: number): number {
  return 32 - Math.clz32(repositories & -repositories);
}
