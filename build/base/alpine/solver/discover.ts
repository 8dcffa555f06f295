import { CACHE } from '../database/database.ts';
import type { Name, Package, Requirement } from '../database/model.ts';
import { Flag } from './flags.ts';
import { carryOut, type Work } from './recursion.ts';
import { type NameState, ONLY_UNTAGGED, type SolverState } from './state.ts';

/**
 * Finds everything reachable from a name: its packages, what they depend on and provide, and packages with an
 * `install_if` on them. Numbers the names in the order in which their search ends.
 */
export function discover(solver: SolverState, name: Name): void {
  carryOut(discoverName(solver, name));
}

function* discoverName(solver: SolverState, name: Name): Work {
  const state = solver.of(name);
  if (state.seen) return;
  state.seen = true;
  state.noInstallIf = true;
  for (const { package: one } of name.providers) {
    yield* discoverPackage(solver, one);
    if (!solver.ofPackage(one).installIfFailed) state.noInstallIf = false;
  }
  yield* discoverBeside(solver, name);
  state.order = nextOrder(solver, state);
  for (const { package: one } of name.providers) {
    yield* discoverAll(solver, one.installIf.map(nameOf));
  }
}

/** Added to the order of names that a package has; to that of names that the user named. */
const OWN_PACKAGE = 2 ** 30;
const NAMED = 2 ** 31;

function nextOrder(solver: SolverState, { name, named }: NameState): number {
  solver.discovered += 1;
  const real = name.providers.some(({ package: one }) => one.name === name);
  return solver.discovered + (real ? OWN_PACKAGE : 0) + (named ? NAMED : 0);
}

function* discoverPackage(solver: SolverState, one: Package): Generator<Work, void, void> {
  const state = solver.ofPackage(one);
  if (state.seen) return;
  state.seen = true;
  const { available } = solver.database;
  const empty = one.installedSize === 0;
  const installed = one.installed !== undefined;
  const repositories = solver.repositoriesOf(one);
  state.allowedTags = ONLY_UNTAGGED;
  state.available = (one.repositories & available & ~CACHE) !== 0;
  state.selectable =
    one.defect === undefined &&
    ((one.repositories & available) !== 0 || one.cached || empty || installed);
  state.installIfFailed =
    one.installIf.length === 0 ||
    ((solver.inheritedFlags & Flag.available) !== 0 && !state.available);
  state.tagPreferred = empty || (repositories & solver.defaultRepositories) !== 0;
  state.tagAllowed = state.tagPreferred || one.cached || installed;
  for (const { name } of one.depends) {
    if (!solver.of(name).seen) yield discoverName(solver, name);
  }
}

/** Finds packages with an `install_if` on a name or on its packages, and the other names these provide. */
function* discoverBeside(solver: SolverState, name: Name): Generator<Work, void, void> {
  yield* discoverAll(solver, name.reverseInstallIf);
  for (const { package: one } of name.providers) {
    yield* discoverAll(solver, one.name.reverseInstallIf);
    yield* discoverAll(solver, one.provides.map(nameOf));
  }
}

function* discoverAll(solver: SolverState, names: readonly Name[]): Generator<Work, void, void> {
  for (const name of names) {
    if (!solver.of(name).seen) yield discoverName(solver, name);
  }
}

function nameOf({ name }: Requirement): Name {
  return name;
}
