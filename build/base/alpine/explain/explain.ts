import { closeSpellings } from '../../../spelling.ts';
import { nameAndVersion, type Package, type Provider } from '../database/model.ts';
import { formatDependency } from '../dependency/dependency.ts';
import { classifyProvider, isProvided } from '../dependency/provided.ts';
import { isAutoSelectable } from '../solver/reconsider.ts';
import type { Solution } from '../solver/solve.ts';
import { type Demand, Demands } from './chain.ts';

/** Maximum number of names that are listed; the others are only counted. */
const MOST_LISTED = 8;
/** The bit of the cache in a bit set of repositories. */
const CACHE = 1;

/**
 * Explains why a world cannot be satisfied: which package requires what, through which chain, and what conflicts.
 * @param solution one with errors
 * @returns one line per contradiction, at least one
 */
export function explain(solution: Solution): string[] {
  const demands = new Demands(solution);
  const lines = [
    ...demands.all.flatMap((demand) => explainDemand(solution, demands, demand)),
    ...explainSharedNames(solution, demands),
  ];
  for (const one of demands.packages.filter((unfit) => isUnfit(solution, unfit))) {
    const why =
      whyUnfit(solution, one) ?? (lines.length > 0 ? undefined : whyForbidden(demands, one));
    if (why !== undefined) lines.push(`${demands.chainTo(one)}: ${nameAndVersion(one)} ${why}`);
  }
  if (lines.length === 0) lines.push('what is asked for contradicts itself');
  return [...new Set(lines)];
}

function explainDemand(solution: Solution, demands: Demands, demand: Demand): string[] {
  const { dependency } = demand;
  const { chosen } = solution.state.of(dependency.name);
  if (isProvided(dependency, chosen, demand.requirer)) return [];
  const chain = demands.chain(demand);
  const fits = dependency.name.providers.some((provider) => isProvided(dependency, provider));
  if (chosen === undefined || (!fits && !dependency.conflict))
    return [`${chain}, but ${whyNothing(solution, demand)}`];
  const other = demands.chainTo(chosen.package);
  const because = other === '' || other === chain ? '' : ` (${other})`;
  const name = providerText(chosen, dependency.name.name);
  return [`${chain}, but ${name} is to be installed${because}`];
}

/** Explains why a required name has no provider. */
function whyNothing(solution: Solution, { dependency }: Demand): string {
  const { name } = dependency;
  const { state } = solution;
  const { providers } = name;
  if (providers.length === 0)
    return `nothing is called or provides ${name.name}${hint(solution, name.name)}`;
  const fitting = providers.filter((provider) => isProvided(dependency, provider));
  if (fitting.length === 0) {
    return `there is only ${listed(providers.map((one) => providerText(one, name.name)))}`;
  }
  if (!fitting.some((provider) => isAutoSelectable(state, provider))) {
    const packages = [...new Set(fitting.map(({ package: one }) => one.name.name))];
    return `${listed(packages)} ${packages.length === 1 ? 'provides' : 'provide'} it only as a virtual name: add the one you want`;
  }
  const reasons = fitting.map(
    ({ package: one }) =>
      `${nameAndVersion(one)} ${whyUnfit(solution, one) ?? whyOut(solution, one)}`,
  );
  return listed(reasons);
}

/** Explains what is wrong with a package itself: it is unavailable, or the tags of its requirers do not allow it. */
function whyUnfit({ state }: Solution, one: Package): string | undefined {
  const { available, tags } = state.database;
  if (one.defect !== undefined) return `cannot be used: ${one.defect}`;
  const atHand = one.cached || one.installed !== undefined || one.installedSize === 0;
  if (atHand) return undefined;
  if ((one.repositories & available) === 0) return 'cannot be fetched without the network';
  if (state.ofPackage(one).tagAllowed) return undefined;
  const owners = Array.from({ length: tags.count }, (_, tag) => tag).filter(
    (tag) => (tags.repositories(tag) & one.repositories & ~CACHE) !== 0,
  );
  const names = owners.map((tag) => `@${tags.name(tag)}`);
  return `is only in ${listed(names)}: write ${one.name.name}${names[0] ?? ''}`;
}

/** Names the conflict that forbids a package, by its name or by a name that it provides. */
function whyForbidden(demands: Demands, one: Package): string | undefined {
  const demand = demands.all.find(
    ({ dependency, requirer }) =>
      dependency.conflict && requirer !== one && classifyProvider(dependency, one) === 'broken',
  );
  return demand === undefined ? undefined : `cannot be installed, as ${demands.chain(demand)}`;
}

function isUnfit(solution: Solution, one: Package): boolean {
  const { selectable, tagAllowed } = solution.state.ofPackage(one);
  return !selectable || !tagAllowed;
}

/** Explains which part of the solution excludes a package. */
function whyOut({ state }: Solution, one: Package): string {
  for (const dependency of one.depends) {
    const { locked, chosen } = state.of(dependency.name);
    if (locked && !isProvided(dependency, chosen, one)) {
      const text = formatDependency(dependency);
      return dependency.conflict ? `forbids ${text.slice(1)}` : `needs ${text}`;
    }
  }
  for (const { name } of [one, ...one.provides]) {
    const { chosen } = state.of(name);
    if (chosen !== undefined && chosen.package !== one) {
      return `cannot be installed beside ${nameAndVersion(chosen.package)}, which also has the name ${name.name}`;
    }
  }
  return 'contradicts something else that is asked for';
}

/** Lists packages of the solution that have the same name although it can have only one provider. */
function explainSharedNames({ state }: Solution, demands: Demands): string[] {
  const owners = new Map<string, Provider>();
  const lines: string[] = [];
  for (const one of demands.packages) {
    for (const { name, version } of [{ name: one.name, version: one.version }, ...one.provides]) {
      const owner = owners.get(name.name);
      const isVirtual = version === undefined && owner?.version === undefined;
      if (owner === undefined) owners.set(name.name, { package: one, version });
      else if (!isVirtual) lines.push(sharedName(owner.package, one, { name: name.name, demands }));
    }
  }
  return state.ignoreConflicts ? [] : lines;
}

function sharedName(
  a: Package,
  b: Package,
  { name, demands }: { name: string; demands: Demands },
): string {
  if (a === b)
    return `${demands.chainTo(a)}, but ${nameAndVersion(a)} claims the name ${name} twice`;
  return `${demands.chainTo(a)}; ${demands.chainTo(b)}: ${nameAndVersion(a)} and ${nameAndVersion(b)} both claim the name ${name}`;
}

function providerText({ package: one, version }: Provider, name: string): string {
  if (one.name.name === name) return nameAndVersion(one);
  return `${nameAndVersion(one)} (as ${name}${version === undefined ? '' : `=${version}`})`;
}

function hint({ state }: Solution, name: string): string {
  const known = [...state.database.names()].filter(({ providers }) => providers.length > 0);
  const close = closeSpellings(
    name,
    known.map((one) => one.name),
  );
  return close.length === 0 ? '' : ` (did you mean ${close.join(' or ')}?)`;
}

function listed(items: readonly string[]): string {
  const shown = [...new Set(items)];
  if (shown.length <= MOST_LISTED) return shown.join(', ');
  return `${shown.slice(0, MOST_LISTED).join(', ')} and ${shown.length - MOST_LISTED} more`;
}
