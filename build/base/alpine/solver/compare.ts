import type { Provider } from '../database/model.ts';
import { compareVersions } from '../version/compare.ts';
import { Flag } from './flags.ts';
import { ONLY_UNTAGGED, type PackageState, type SolverState } from './state.ts';

/** Two providers of one name, with their state in the solver. */
interface Pair {
  readonly solver: SolverState;
  /** What is preferred of either. */
  readonly flags: number;
  readonly a: Provider;
  readonly b: Provider;
  readonly stateA: PackageState;
  readonly stateB: PackageState;
}

/**
 * Which of two packages should stand for a name.
 * @returns more than 0 if the first is to be preferred, less if the second, 0 if nothing tells them apart
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

/** Whether the newest is wanted even if it breaks something (`--latest`); a tag outranks that. */
function wantsLatest({ flags, stateA, stateB }: Pair): boolean {
  return (
    (flags & Flag.latest) !== 0 &&
    stateA.allowedTags === ONLY_UNTAGGED &&
    stateB.allowedTags === ONLY_UNTAGGED
  );
}

/** The order with `--latest`: what the tags allow first, then what is available. */
function comparePossible({ flags, stateA, stateB }: Pair): number {
  const tags = prefer(stateA.tagAllowed, stateB.tagAllowed);
  if (tags !== 0) return tags;
  if ((flags & Flag.available) !== 0) return prefer(stateA.available, stateB.available);
  if ((flags & Flag.reinstall) !== 0) return prefer(stateA.selectable, stateB.selectable);
  return 0;
}

/** The usual order: fewest conflicts, then what the tags prefer, then what is installed. */
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

/** The version under the name asked for (none is less than any), then, of packages of one name, their own. */
function compareVersionsOf({ a, b }: Pair): number {
  const asked = compareVersions(a.version ?? '', b.version ?? '');
  if (asked !== 0) return asked;
  if (a.package.name !== b.package.name) return 0;
  return compareVersions(a.package.version, b.package.version);
}

/** Number of the lowest bit of a set, from 1; 0 for none. */
function firstRepository(repositories: number): number {
  return 32 - Math.clz32(repositories & -repositories);
}
