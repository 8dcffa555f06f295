import type { Database } from '../database/database.ts';
import type { Requirement } from '../database/model.ts';
import { hasValidVersion } from '../dependency/dependency.ts';
import { type Change, listChanges } from './changes.ts';
import { constrain } from './constrain.ts';
import { discover } from './discover.ts';
import { Flag, type NameFlags } from './flags.ts';
import { linkReverseDepends } from './link.ts';
import { reconsider } from './reconsider.ts';
import { decide } from './select.ts';
import { SolverState } from './state.ts';

/** A problem for the solver. */
export interface SolveRequest {
  /** A linked database; solving does not change it. */
  readonly database: Database;
  readonly world: readonly Requirement[];
  /** Preferences for all names; bits of `Flag`. */
  readonly flags?: number | undefined;
  /** Preferences for single names. */
  readonly nameFlags?: readonly NameFlags[] | undefined;
  /** Change as little as possible besides the package manager itself. */
  readonly selfUpgrade?: boolean | undefined;
  /** Drop unavailable packages from world instead of failing. */
  readonly dropBroken?: boolean | undefined;
}

/** What the solver found. */
export interface Solution {
  /** In the order in which they are carried out, unchanged packages included. */
  readonly changes: readonly Change[];
  /** Number of contradictions; 0 if the solution can be carried out. */
  readonly errors: number;
  /** The decisions, for explanations. */
  readonly state: SolverState;
  /** The world that was solved, without dropped packages. */
  readonly world: readonly Requirement[];
}

/**
 * Finds the packages that satisfy the world, with the semantics of apk-tools 3: names are decided one at a time,
 * without backtracking, and the consequences of each decision are applied before the next. The same request always
 * gives the same solution.
 */
export function solve(request: SolveRequest): Solution {
  let world = sorted(request.world.filter(hasValidVersion));
  for (let nameFlags = request.nameFlags ?? []; ; nameFlags = []) {
    const solution = run(request, { world, nameFlags });
    if (solution.errors === 0 || request.dropBroken !== true) return solution;
    const sound = world.filter(({ name }) => {
      const chosen = solution.state.of(name).chosen?.package;
      return chosen !== undefined && !solution.state.ofPackage(chosen).erroneous;
    });
    if (sound.length === world.length) return solution;
    world = sound;
  }
}

function run(
  { database, flags = 0, selfUpgrade = false, nameFlags: named = [] }: SolveRequest,
  { world, nameFlags }: { world: readonly Requirement[]; nameFlags: readonly NameFlags[] },
): Solution {
  const ignoreConflicts = (flags & Flag.ignoreConflict) !== 0;
  const state = new SolverState(database, { selfUpgrade, ignoreConflicts });
  for (const { name } of named) state.of(database.intern(name)).named = true;
  for (const wish of nameFlags) applyNameFlags(state, wish);
  state.inheritedFlags = flags;
  for (const { name } of world) discover(state, name);
  linkReverseDepends(state);
  for (const dependency of world) {
    state.inheritedTags = 1 << database.tags.number(dependency.tag ?? '');
    constrain(state, undefined, dependency);
  }
  state.inheritedFlags = 0;
  state.inheritedTags = 0;
  decideAll(state);
  return { changes: listChanges(state, world), errors: state.errors, state, world };
}

function applyNameFlags(state: SolverState, { name, flags, inheritable }: NameFlags): void {
  for (const { package: one } of state.database.intern(name).providers) {
    const known = state.ofPackage(one);
    known.flags |= flags;
    known.inheritableFlags |= inheritable;
  }
}

function decideAll(state: SolverState): void {
  for (;;) {
    for (let name = state.nextQueued(); name !== undefined; name = state.nextQueued()) {
      reconsider(state, name);
    }
    const next = state.nextToDecide();
    if (next === undefined) return;
    decide(state, next);
  }
}

/** Sorts world by name as apk does: first without regard to case. */
function sorted(world: readonly Requirement[]): Requirement[] {
  return [...world].sort(
    (a, b) =>
      compareText(lower(a.name.name), lower(b.name.name)) || compareText(a.name.name, b.name.name),
  );
}

function lower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
