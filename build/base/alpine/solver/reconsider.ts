import type { Package, Provider, Requirement } from '../database/model.ts';
import { isProvided } from '../dependency/provided.ts';
import { constrain, disqualify, inherit, reconsiderRequired } from './constrain.ts';
import type { NameState, SolverState } from './state.ts';

/**
 * Whether a provider of a name may be chosen automatically. A provider without version and without priority may not,
 * unless its own name is required.
 */
export function isAutoSelectable(
  solver: SolverState,
  { version, package: one }: Provider,
): boolean {
  return version !== undefined || one.providerPriority > 0 || solver.of(one.name).requirers > 0;
}

/**
 * Updates the state of an undecided name: excludes packages, checks the `install_if` of its packages, and requires the
 * dependencies that all candidates share.
 */
export function reconsider(solver: SolverState, state: NameState): void {
  const couldBeChosen = state.hasAutoSelectable;
  const candidates = findCandidates(solver, state);
  const first = candidates[0];
  if (first !== undefined) {
    for (const { package: one } of state.name.providers) {
      const known = solver.ofPackage(one);
      known.dependenciesUsed = known.dependenciesMerged;
    }
    requireCommon(solver, first, candidates.length);
    excludeByProvides(solver, state, first, candidates.length);
  }
  state.reverseDependsDone = state.reverseDepends.every(({ seen, locked }) => !seen || locked);
  solver.awaitDecision(state, state.hasAutoSelectable !== couldBeChosen);
}

/** Returns the packages that may still be chosen for a name, and counts the names that they have in common. */
function findCandidates(solver: SolverState, state: NameState): Package[] {
  const { reconsiderDepends, reconsiderInstallIf } = state;
  state.reconsiderDepends = false;
  state.reconsiderInstallIf = false;
  let [hasInstallIf, noInstallIf, tagsDiffer, autoSelectable] = [false, true, false, false];
  const candidates: Package[] = [];
  for (const provider of state.name.providers) {
    const one = provider.package;
    const known = solver.ofPackage(one);
    known.dependenciesMerged = false;
    if (!known.selectable) continue;
    if (reconsiderDepends && !one.depends.every((dep) => isSatisfiable(solver, one, dep))) {
      disqualify(solver, one);
    }
    if (!known.selectable) continue;
    if (reconsiderInstallIf) trigger(solver, one);
    hasInstallIf ||= known.installIfTriggered;
    noInstallIf &&= known.installIfFailed;
    autoSelectable ||= known.installIfTriggered;
    if (state.requirers === 0) continue;
    known.dependenciesMerged = true;
    countCommon(solver, provider, candidates.length);
    candidates.push(one);
    tagsDiffer ||= !known.tagAllowed;
    autoSelectable ||= isAutoSelectable(solver, provider);
  }
  state.hasAutoSelectable = autoSelectable;
  state.hasInstallIf = hasInstallIf;
  state.noInstallIf = noInstallIf;
  state.hasOptions = candidates.length > 1 || tagsDiffer;
  return candidates;
}

function isSatisfiable(solver: SolverState, one: Package, dependency: Requirement): boolean {
  const state = solver.of(dependency.name);
  if (dependency.conflict && solver.ignoreConflicts) return true;
  if (state.locked) return isProvided(dependency, state.chosen, one);
  if (state.requirers === 0 && isProvided(dependency, undefined)) return true;
  return dependency.name.providers.some(
    (provider) =>
      solver.ofPackage(provider.package).selectable && isProvided(dependency, provider, one),
  );
}

/** Determines whether the `install_if` of a package is satisfied. */
function trigger(solver: SolverState, one: Package): void {
  const known = solver.ofPackage(one);
  if (!known.installIfTriggered && !known.installIfFailed) {
    known.installIfTriggered = true;
    for (const condition of one.installIf) {
      const state = solver.of(condition.name);
      if (state.locked && isProvided(condition, state.chosen, one)) continue;
      known.installIfTriggered = false;
      known.installIfFailed = state.locked;
      if (!state.locked && condition.conflict) decideSomeTime(solver, state);
      break;
    }
  }
  if (!known.installIfTriggered) return;
  for (const { name } of one.installIf) inherit(solver, one, solver.of(name).chosen?.package);
}

/** Schedules a name for a decision although nothing requires it, because an `install_if` depends on its absence. */
function decideSomeTime(solver: SolverState, state: NameState): void {
  state.absenceCounts = true;
  solver.awaitDecision(state, false);
}

/** Counts a candidate for each name that it depends on or provides, if all earlier candidates do so too. */
function countCommon(solver: SolverState, provider: Provider, before: number): void {
  const one = provider.package;
  for (const { name, conflict } of one.depends) {
    const state = solver.of(name);
    if (!conflict && state.mergeDepends === before) state.mergeDepends = before + 1;
  }
  const names = [{ name: one.name, version: provider.version }, ...one.provides];
  for (const { name, version } of names) {
    const state = solver.of(name);
    if (state.mergeProvides !== before) continue;
    state.mergeProvides = before + 1;
    if (version === undefined) state.hasVirtualProvides = true;
  }
}

/**
 * Requires the dependencies that all candidates share: each with its version if there is one candidate, else only its
 * name.
 */
function requireCommon(solver: SolverState, first: Package, count: number): void {
  for (const dependency of first.depends) {
    const state = solver.of(dependency.name);
    const common = state.mergeDepends === count;
    state.mergeDepends = 0;
    if (!common) continue;
    if (count === 1) {
      constrain(solver, first, dependency);
    } else if (state.requirers === 0) {
      state.requirers += 1;
      reconsiderRequired(solver, state);
      for (const { package: one } of dependency.name.providers) inherit(solver, one, first);
    }
  }
}

/** Excludes packages that have a name in common with all candidates, and thus conflict with each of them. */
function excludeByProvides(
  solver: SolverState,
  state: NameState,
  first: Package,
  count: number,
): void {
  const names = [first.name, ...first.provides.map(({ name }) => name)];
  for (const name of names) {
    const provided = solver.of(name);
    const common = provided.mergeProvides === count;
    provided.mergeProvides = 0;
    if (common) excludeNonProviders(solver, provided, state);
  }
  for (const name of names) solver.of(name).hasVirtualProvides = false;
}

/** Excludes the packages with the name `under` that do not also have the name `must`. */
function excludeNonProviders(solver: SolverState, under: NameState, must: NameState): void {
  if (under === must || solver.ignoreConflicts) return;
  const skipVirtual = under.hasVirtualProvides;
  for (const { package: one, version } of under.name.providers) {
    if (one.name === must.name || !solver.ofPackage(one).selectable) continue;
    if (skipVirtual && version === undefined) continue;
    const spared = one.provides.some(
      (own) => own.name === must.name || (skipVirtual && own.version === undefined),
    );
    if (!spared) disqualify(solver, one);
  }
}
