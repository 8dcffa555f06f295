import type { Name, Package, Requirement } from '../database/model.ts';
import { isProvided } from '../dependency/provided.ts';
import type { NameState, SolverState } from './state.ts';

/**
 * Applies a dependency to the providers of its name: those that do not satisfy it are excluded.
 * @param requirer package that has the dependency; `undefined` for world
 */
export function constrain(
  solver: SolverState,
  requirer: Package | undefined,
  dependency: Requirement,
): void {
  if (dependency.conflict && solver.ignoreConflicts) return;
  const state = solver.of(dependency.name);
  if (!dependency.conflict) {
    state.requirers += 1;
    if (state.requirers === 1) reconsiderRequired(solver, state);
  }
  for (const provider of dependency.name.providers) {
    const one = solver.ofPackage(provider.package);
    const provided = isProvided(dependency, provider, requirer);
    if (!provided) one.conflicts += 1;
    if (one.selectable && one.conflicts > 0) disqualify(solver, provider.package);
    if (provided) inherit(solver, provider.package, requirer);
  }
}

/** Queues the names whose state depends on whether a name is required. */
export function reconsiderRequired(solver: SolverState, state: NameState): void {
  solver.awaitDecision(state, false);
  reconsiderReverseInstallIf(solver, state.name);
  solver.queue(state);
}

/** Excludes a package. */
export function disqualify(solver: SolverState, one: Package): void {
  solver.ofPackage(one).selectable = false;
  reconsiderReverseDepends(solver, one.name);
  for (const { name } of one.provides) reconsiderReverseDepends(solver, name);
  reconsiderReverseInstallIfOf(solver, one);
}

/**
 * Passes preferences and allowed tags on to a package that is required.
 * @param from the package that requires it; `undefined` for world
 */
export function inherit(solver: SolverState, one: Package, from: Package | undefined): void {
  const { tags } = solver.database;
  const state = solver.ofPackage(one);
  const repositories = solver.repositoriesOf(one);
  if (from === undefined) {
    state.flags |= solver.inheritedFlags;
    state.inheritableFlags |= solver.inheritedFlags;
    state.allowedTags |= solver.inheritedTags;
    state.tagPreferred = (repositories & tags.repositoriesOfSet(solver.inheritedTags)) !== 0;
  } else {
    const parent = solver.ofPackage(from);
    state.flags |= parent.inheritableFlags;
    state.inheritableFlags |= parent.inheritableFlags;
    state.allowedTags |= parent.allowedTags;
  }
  if ((repositories & tags.repositoriesOfSet(state.allowedTags)) !== 0) state.tagAllowed = true;
}

/** Queues the names of packages that depend on a name. */
export function reconsiderReverseDepends(solver: SolverState, name: Name): void {
  for (const state of solver.of(name).reverseDepends) {
    if (!state.seen) continue;
    state.reconsiderDepends = true;
    solver.queue(state);
  }
}

/** Queues the names of packages that have an `install_if` on a name. */
export function reconsiderReverseInstallIf(solver: SolverState, name: Name): void {
  for (const dependent of name.reverseInstallIf) {
    const state = solver.of(dependent);
    if (!state.seen || state.noInstallIf) continue;
    state.reconsiderInstallIf = true;
    solver.queue(state);
  }
}

/** Queues the names of packages that have an `install_if` on any name of a package. */
export function reconsiderReverseInstallIfOf(solver: SolverState, one: Package): void {
  reconsiderReverseInstallIf(solver, one.name);
  for (const { name } of one.provides) reconsiderReverseInstallIf(solver, name);
}
