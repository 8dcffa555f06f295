import type { Package, Provider } from '../database/model.ts';
import { compareProviders } from './compare.ts';
import {
  constrain,
  disqualify,
  reconsiderReverseDepends,
  reconsiderReverseInstallIf,
  reconsiderReverseInstallIfOf,
} from './constrain.ts';
import { isAutoSelectable } from './reconsider.ts';
import type { NameState, SolverState } from './state.ts';

/** Chooses the provider of a name and requires its dependencies. */
export function decide(solver: SolverState, state: NameState): void {
  const chosen = choose(solver, state);
  if (chosen === undefined) {
    assign(solver, state, undefined);
    if (state.requirers > 0) solver.errors += 1;
    return;
  }
  const one = chosen.package;
  const { selectable, tagAllowed } = solver.ofPackage(one);
  if (!selectable || !tagAllowed) solver.markError(one);
  assign(solver, solver.of(one.name), { package: one, version: one.version });
  for (const { name, version } of one.provides) {
    assign(solver, solver.of(name), { package: one, version });
  }
  for (const dependency of one.depends) constrain(solver, one, dependency);
}

function choose(solver: SolverState, state: NameState): Provider | undefined {
  let chosen: Provider | undefined;
  if (state.requirers === 0 && !state.hasInstallIf) return undefined;
  for (const provider of state.name.providers) {
    if (state.requirers === 0 && !mayInstallItself(solver, provider.package)) continue;
    if (!isAutoSelectable(solver, provider)) continue;
    if (chosen === undefined || compareProviders(solver, provider, chosen) > 0) chosen = provider;
  }
  return chosen;
}

function mayInstallItself(solver: SolverState, one: Package): boolean {
  const { installIfTriggered, tagAllowed, selectable } = solver.ofPackage(one);
  return installIfTriggered && tagAllowed && selectable;
}

/** Makes a package, or none, the provider of a name; all other packages with that name are excluded. */
function assign(solver: SolverState, state: NameState, provider: Provider | undefined): void {
  if (state.locked) {
    const bothVirtual = provider?.version === undefined && state.chosen?.version === undefined;
    if (bothVirtual || solver.ignoreConflicts) return;
    solver.markError(provider?.package);
    solver.markError(state.chosen?.package);
    return;
  }
  state.locked = true;
  state.chosen = provider;
  requireConditions(solver, state, provider?.package);
  if (!solver.ignoreConflicts) excludeOthers(solver, state, provider);
  reconsiderReverseDepends(solver, state.name);
  if (provider === undefined) reconsiderReverseInstallIf(solver, state.name);
  else reconsiderReverseInstallIfOf(solver, provider.package);
}

/** Requires the `install_if` conditions of a package that is installed only because of them. */
function requireConditions(solver: SolverState, state: NameState, one: Package | undefined): void {
  if (one === undefined || state.requirers > 0 || !solver.ofPackage(one).installIfTriggered) return;
  for (const condition of one.installIf) {
    if (!solver.of(condition.name).locked) constrain(solver, one, condition);
  }
}

function excludeOthers(
  solver: SolverState,
  { name }: NameState,
  provider: Provider | undefined,
): void {
  for (const other of name.providers) {
    if (other.package === provider?.package) continue;
    if (provider?.version === undefined && other.version === undefined) continue;
    disqualify(solver, other.package);
  }
}
