import type { MergeContext, OpenedPackage } from '../../contract/base.ts';
import { BuildError, must } from '../../error.ts';
import type { Tree } from '../../tree/tree.ts';
import { installPackages, type PackageToInstall, planInstallation } from './install.ts';
import { decodeRecord, isRecord } from './package/record.ts';
import type { AccountNumbers } from './renumber.ts';
import { selectPackages } from './repository/select.ts';
import {
  type AlpineSettings,
  alpineArchitecture,
  composeWorld,
  listRepositoryAddresses,
} from './request.ts';

/**
 * Installs the locked packages as `apk add` of the profile's world would, in apk's order, including the installed
 * database; see `Base.merge`.
 */
export function mergeAlpine(
  tree: Tree,
  packages: readonly OpenedPackage[],
  context: MergeContext<AlpineSettings>,
): void {
  const { profile } = context;
  const { ordered, world } = inOrder(packages, context);
  const opened = ordered.map((one) => packageToInstall(one, context));
  const { settings } = profile;
  const plan = planInstallation({
    packages: opened,
    world,
    architecture: alpineArchitecture(profile),
    repositories: [...listRepositoryAddresses(settings, undefined).values()].flatMap(
      ([best]) => best ?? [],
    ),
    keys: new Map(Object.entries(settings.keys)),
    accounts: accountsOf(profile),
  });
  installPackages(plan, tree);
}

/** Sorts packages into the order in which apk installs them; the lock sorts them by name. */
function inOrder(
  packages: readonly OpenedPackage[],
  { profile, flavour }: MergeContext<AlpineSettings>,
) {
  const stanzas = packages.map(({ locked }) => ({
    fields: indexFields(locked),
    line: 0,
    text: '',
  }));
  const { packages: selected, world } = selectPackages({
    repositories: [{ url: 'file:///lock', tag: '', packages: stanzas }],
    wanted: composeWorld(profile.settings, flavour),
    architecture: alpineArchitecture(profile),
  });
  const byIdentity = new Map(packages.map((one) => [one.locked.apk?.C, one]));
  const ordered = selected.flatMap(({ identity }) => byIdentity.get(identity) ?? []);
  if (ordered.length === packages.length) return { ordered, world };
  const needed = new Set(ordered.map(({ locked }) => locked.name));
  const idle = packages.map(({ locked }) => locked.name).filter((name) => !needed.has(name));
  throw new BuildError({
    what: `the lock has packages that nothing asks for: ${idle.join(', ')}`,
    fix: 'Write it again with `make lock`.',
  });
}

function packageToInstall(
  { locked, entries }: OpenedPackage,
  { reader }: Pick<MergeContext, 'reader'>,
): PackageToInstall {
  const where = `package ${locked.name} ${locked.version}`;
  const record = entries.find(isRecord);
  if (record?.type !== 'file') {
    throw new BuildError({ what: 'its record in the cache is missing', where });
  }
  return {
    fields: indexFields(locked),
    record: decodeRecord(reader.bytes(record), where),
    entries: entries.filter((entry) => !isRecord(entry)),
  };
}

function accountsOf({ accounts }: Pick<MergeContext['profile'], 'accounts'>): AccountNumbers {
  const users = Object.entries(accounts.users).map(([name, { uid }]) => [name, uid] as const);
  return { users: new Map(users), groups: new Map(Object.entries(accounts.groups)) };
}

/** Returns the package's fields in the signed index; apk needs them to identify an installed package. */
function indexFields({ name, apk }: OpenedPackage['locked']): ReadonlyMap<string, string> {
  return new Map(Object.entries(must(apk, `entry of ${name} in the index, in the lock`)));
}
