import { CACHE } from '../database/database.ts';
import type { Name, Package } from '../database/model.ts';
import { Flag } from './flags.ts';
import { carryOut, type Work } from './recursion.ts';
import { type NameState, ONLY_UNTAGGED, type PackageState, type SolverState } from './state.ts';

/**
 * Finds everything reachable from a name: its packages, what they depend on and provide, and packages with an
 * `install_if` on them. Numbers the names in the order in which their search ends.
 */
export function discover(solver: SolverState, name: Name): void {
  carryOut(discoverName(solver, name));
}

/**
 * One generator for each name: only what is found for the first time is a task of its own. After the packages with what
 * they depend on come packages with an `install_if` on the name or on its packages, the other names that these provide,
 * and, when the name has its number, the names that its packages wait for.
 */
function* discoverName(solver: SolverState, name: Name): Work {
  const state = solver.of(name);
  if (state.seen) return;
  state.seen = true;
  state.noInstallIf = true;
  for (const { package: one } of name.providers) {
    const known = solver.ofPackage(one);
    if (!known.seen) {
      discoverPackage(solver, one, known);
      for (const on of one.depends) {
        if (!solver.of(on.name).seen) yield discoverName(solver, on.name);
      }
    }
    if (!known.installIfFailed) state.noInstallIf = false;
  }
  for (const beside of name.reverseInstallIf) {
    if (!solver.of(beside).seen) yield discoverName(solver, beside);
  }
  for (const { package: one } of name.providers) {
    for (const beside of one.name.reverseInstallIf) {
      if (!solver.of(beside).seen) yield discoverName(solver, beside);
    }
    for (const provided of one.provides) {
      if (!solver.of(provided.name).seen) yield discoverName(solver, provided.name);
    }
  }
  state.order = nextOrder(solver, state);
  for (const { package: one } of name.providers) {
    for (const condition of one.installIf) {
      if (!solver.of(condition.name).seen) yield discoverName(solver, condition.name);
    }
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

function discoverPackage(solver: SolverState, one: Package, state: PackageState): void {
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
}
