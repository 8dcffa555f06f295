import type { Name, Package } from '../database/model.ts';
import { Flag } from './flags.ts';
import { carryOut, type Work } from './recursion.ts';
import { type NameState, ONLY_UNTAGGED, type SolverState } from './state.ts';

const CACHE = 1;

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
  complete(solver, state);
}

function complete(solver: SolverState, state: NameState): void {
  solver.discovered += 1;
  state.order = solver.discovered;
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
    installed ||
    (one.defect === undefined && ((one.repositories & available) !== 0 || one.cached || empty));
  state.installIfFailed =
    one.installIf.length === 0 ||
    ((solver.inheritedFlags & Flag.available) !== 0 && !state.available);
  state.tagPreferred = empty || (repositories & solver.defaultRepositories) !== 0;
  state.tagAllowed = state.tagPreferred || one.cached || installed;
  for (const { name } of one.depends) {
    if (!solver.of(name).seen) yield discoverName(solver, name);
  }
}

/** Finds packages with an `install_if` on the packages of a name, and the other names these provide. */
function* discoverBeside(solver: SolverState, name: Name): Generator<Work, void, void> {
  for (const { package: one } of name.providers) {
    yield* discoverAll(solver, one.name.reverseInstallIf);
    for (const { name: provided } of one.provides) {
      if (solver.of(provided).seen) continue;
      yield discoverName(solver, provided);
      yield* discoverAll(solver, provided.reverseInstallIf);
    }
  }
}

function* discoverAll(solver: SolverState, names: readonly Name[]): Generator<Work, void, void> {
  for (const name of names) {
    if (!solver.of(name).seen) yield discoverName(solver, name);
  }
}
