import type { Requirement } from '../database/model.ts';
import { hasValidVersion, parseAtom, splitList } from '../dependency/dependency.ts';
import { isProvided } from '../dependency/provided.ts';
import { Flag, type NameFlags } from '../solver/flags.ts';
import { compareVersions } from '../version/compare.ts';
import { ANY, CHECKSUM } from '../version/operator.ts';
import { matchNames } from './matching.ts';
import type { AppletContext, AppletPlan } from './plan.ts';

/** The package that is upgraded before all others. */
const SELF = 'apk-tools';

/**
 * `apk upgrade`: upgrades all packages, or the named ones, to the newest versions that satisfy the world.
 * @throws AppletError if a name is unknown
 */
export function planUpgrade({ call, database, world }: AppletContext): AppletPlan {
  const { options, operands } = call;
  const ignore = options.has('ignore');
  const flags = upgradeFlags(options);
  const wish = ignore ? Flag.installed : Flag.upgrade;
  const nameFlags = matchNames(database, operands).map(
    ({ name }): NameFlags => ({ name, flags: wish, inheritable: 0 }),
  );
  return {
    world: changedWorld(world, options),
    flags: operands.length > 0 && !ignore ? flags & ~Flag.upgrade : flags,
    nameFlags,
  };
}

/**
 * Plans the step before an upgrade of everything: upgrades the package manager itself and the packages that
 * `--preupgrade-depends` names, and as little else as possible. A named dependency with a version, such as `a<2`, is
 * ignored if the installed version does not satisfy it.
 * @returns `undefined` if an option or operand of the command excludes this step, or nothing newer exists
 */
export function planSelfUpgrade({ call, database, world }: AppletContext): AppletPlan | undefined {
  if (call.options.has('no-self-upgrade') || call.options.has('no-preupgrade')) return undefined;
  if (call.operands.length > 0) return undefined;
  const named = [SELF, ...(call.preupgradeDepends ?? [])].flatMap(splitList);
  const names = new Set(named.flatMap((text) => toUpgrade(database, text)));
  if (names.size === 0) return undefined;
  const flags = upgradeFlags(call.options);
  const nameFlags = [...names].map((name) => ({ name, flags, inheritable: 0 }));
  return { world, flags: 0, nameFlags };
}

/** Returns the name of a dependency if an installed package satisfies it and a newer one exists; else nothing. */
function toUpgrade(database: AppletContext['database'], text: string): string[] {
  const dependency = parseAtom(text, database.intern);
  if (dependency === undefined || !hasValidVersion(dependency) || dependency.conflict) return [];
  const { name } = dependency;
  const own = name.providers.map((provider) => provider.package).filter((one) => one.name === name);
  const present = own.find(({ installed }) => installed !== undefined);
  if (present === undefined) return [];
  if (!isProvided(dependency, { package: present, version: present.version })) return [];
  const newer = own.some(
    ({ repositories, version }) =>
      repositories !== 0 && compareVersions(version, present.version) > 0,
  );
  return newer ? [name.name] : [];
}

function upgradeFlags(options: ReadonlySet<string>): number {
  return (
    Flag.upgrade |
    (options.has('available') ? Flag.available : 0) |
    (options.has('latest') ? Flag.latest : 0)
  );
}

/**
 * Returns world without the checksums in dependencies (`--available`), and without packages that no repository has
 * (`--prune`).
 */
function changedWorld(
  world: readonly Requirement[],
  options: ReadonlySet<string>,
): readonly Requirement[] {
  const kept = options.has('prune') ? world.filter(isOffered) : world;
  if (!options.has('available')) return kept;
  return kept.map((dependency) =>
    dependency.operator === CHECKSUM
      ? { ...dependency, operator: ANY, version: undefined }
      : dependency,
  );
}

function isOffered({ name }: Requirement): boolean {
  return name.providers.some(({ package: one }) => one.repositories !== 0);
}
