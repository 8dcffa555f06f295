import { canonicalizeIdentity } from '../database/identity.ts';
import type { Package, Provider, Requirement } from '../database/model.ts';
import { ANY, CHECKSUM, matchesVersion } from '../version/operator.ts';

/**
 * Whether the provider of a name satisfies a dependency on it. A conflict is satisfied by any provider that it does not
 * match. A name provided without a version is less than every version.
 * @param provider `undefined` if the name has no provider
 * @param requirer the package with the dependency: it may conflict with a name that it provides itself, and then no
 *   other package may provide that name
 */
export function isProvided(
  dependency: Requirement,
  provider: Provider | undefined,
  requirer?: Package,
): boolean {
  const { conflict, operator, version: wanted } = dependency;
  if (provider === undefined) return conflict;
  if (conflict && provider.package === requirer) return true;
  if (operator === CHECKSUM)
    return provider.package.identity === canonicalizeIdentity(wanted ?? '');
  if (operator === ANY) return !conflict;
  return matchesVersion(provider.version ?? '', operator, wanted ?? '') !== conflict;
}

/** How a package relates to a dependency. */
export type DependencyRelation = 'satisfied' | 'broken' | 'none';

/** Whether a package satisfies a dependency, violates it, or is unrelated to it. */
export function classifyProvider(dependency: Requirement, provider: Package): DependencyRelation {
  const version = versionUnder(dependency, provider);
  if (version === null) return 'none';
  return isProvided(dependency, { package: provider, version }) ? 'satisfied' : 'broken';
}

/** Returns the version that a package provides under a dependency's name; `null` if it does not provide that name. */
function versionUnder({ name }: Requirement, provider: Package): string | undefined | null {
  if (provider.name === name) return provider.version;
  const under = provider.provides.find((one) => one.name === name);
  return under === undefined ? null : under.version;
}
