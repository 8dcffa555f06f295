import type { Provider, Requirement } from '../database/model.ts';
import { ANY, CHECKSUM, matchesVersion } from '../version/operator.ts';

/**
 * Whether a dependency is fulfilled by what stands for its name; a conflict is fulfilled by what it does not
 * forbid. A name that is provided without a version fulfils no dependency on a version.
 * @param provider `undefined` if nothing stands for the name
 */
export function isProvided(dependency: Requirement, provider: Provider | undefined): boolean {
  const { conflict, operator, version: wanted } = dependency;
  if (provider === undefined) return conflict;
  if (operator === CHECKSUM) return provider.package.identity === wanted;
  if (operator === ANY) return !conflict;
  if (provider.version === undefined) return conflict;
  return matchesVersion(provider.version, operator, wanted ?? '') !== conflict;
}

/** How a dependency concerns a package. */
export type Bearing = 'satisfied' | 'broken' | 'none';

/** Whether a package fulfils a dependency, breaks it, or has nothing to do with it. */
export function bearingOn(dependency: Requirement, provider: Provider['package']): Bearing {
  const version = versionUnder(dependency, provider);
  if (version === null) return 'none';
  return isProvided(dependency, { package: provider, version }) ? 'satisfied' : 'broken';
}

/** The version a package has under a dependency's name; `null` if it has not that name. */
function versionUnder(
  { name }: Requirement,
  provider: Provider['package'],
): string | undefined | null {
  if (provider.name === name) return provider.version;
  const under = provider.provides.find((one) => one.name === name);
  return under === undefined ? null : under.version;
}
