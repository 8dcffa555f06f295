import type { Package, Provider, Requirement } from '../database/model.ts';
import { ANY, CHECKSUM, matchesVersion } from '../version/operator.ts';

/**
 * Whether a dependency is fulfilled by what stands for its name; a conflict is fulfilled by what it does not
 * forbid. A name that is provided without a version fulfils no dependency on a version.
 * @param provider `undefined` if nothing stands for the name
 * @param requirer the package whose dependency it is: it may forbid what it provides itself, and then is the only
 *   one of its kind
 */
export function isProvided(
  dependency: Requirement,
  provider: Provider | undefined,
  requirer?: Package,
): boolean {
  const { conflict, operator, version: wanted } = dependency;
  if (provider === undefined) return conflict;
  if (conflict && provider.package === requirer) return true;
  if (operator === CHECKSUM) return provider.package.identity === wanted;
  if (operator === ANY) return !conflict;
  if (provider.version === undefined) return conflict;
  return matchesVersion(provider.version, operator, wanted ?? '') !== conflict;
}

/** How a dependency concerns a package. */
export type Bearing = 'satisfied' | 'broken' | 'none';

/** Whether a package fulfils a dependency, breaks it, or has nothing to do with it. */
export function bearingOn(dependency: Requirement, provider: Package): Bearing {
  const version = versionUnder(dependency, provider);
  if (version === null) return 'none';
  return isProvided(dependency, { package: provider, version }) ? 'satisfied' : 'broken';
}

/** The version a package has under a dependency's name; `null` if it has not that name. */
function versionUnder({ name }: Requirement, provider: Package): string | undefined | null {
  if (provider.name === name) return provider.version;
  const under = provider.provides.find((one) => one.name === name);
  return under === undefined ? null : under.version;
}
