import { findSettings, type Profile } from '../../build/profile/profile.ts';
import type { ContentReader } from '../../build/tree/content.ts';
import type { Entry, SymlinkEntry } from '../../build/tree/entry.ts';
import type { Overlay } from '../../build/tree/overlay.ts';
import { baseSystem, MADE_ANEW } from './base-system.ts';
import { dependsOn } from './debian-depends.ts';
import type { DebianPackage } from './debian-packages.ts';
import { apkVersion } from './debian-version.ts';
import { laidOut } from './layout.ts';
import type { PackageRecipe } from './recipe.ts';
import { scriptsOf } from './scripts.ts';
import { RENAMED, standIns } from './stand-ins.ts';

/** What a mirror is made from. */
export interface MirrorParts {
  readonly profile: Profile;
  readonly packages: readonly DebianPackage[];
  /** `overlay/debian`. */
  readonly overlay: Overlay;
  /** Seconds since 1970 at which every package was built. */
  readonly builddate: number;
  readonly reader: ContentReader;
}

/**
 * The packages of a mirror with Debian's contents and the names that the profile requests from Alpine: the base system
 * as in Alpine, Debian's packages under their own names, and, for all other names, packages without files that depend
 * on these. A file in two packages stays in the first.
 */
export function mirrorRecipes(parts: MirrorParts): PackageRecipe[] {
  const { profile, packages, overlay, builddate, reader } = parts;
  const { drop, kernel, links } = findSettings(profile, 'debian');
  const kept = Object.keys(drop).filter((path) => path !== '/boot');
  const debian = new Map(
    packages.map(({ locked, entries }) => [locked.name, laidOut(entries, kept)] as const),
  );
  const own = baseSystem({
    debian,
    kernel: kernelPackage(debian),
    overlay: laidOut(overlay.entries),
    links: withoutThose(links, findSettings(profile, 'alpine').links),
    reader,
  });
  const usual = packages.filter(
    ({ locked: { name } }) =>
      !MADE_ANEW.has(name) && name !== kernel.virt && name !== kernelPackage(debian),
  );
  const have = new Set([...usual.map(({ locked }) => locked.name), 'openrc']);
  const recipes = [
    ...own,
    ...usual.map(
      ({ locked, depends }): PackageRecipe => ({
        name: RENAMED[locked.name] ?? locked.name,
        version: apkVersion(locked.version),
        depends: dependsOn(depends, have),
        origin: locked.source ?? locked.name,
        license: 'custom',
        entries: debian.get(locked.name) ?? [],
      }),
    ),
    ...postgresqlPackages(usual),
    ...standIns(have),
  ];
  return withoutTwice(recipes).map((one) => ({ ...one, builddate, ...scriptsOf(one.name) }));
}

/** Returns the name of Debian's package with the kernel: the one with the kernel's release in its name. */
function kernelPackage(debian: ReadonlyMap<string, readonly Entry[]>): string {
  const [name] = [...debian.keys()].filter((one) => /^linux-image-\d/.test(one));
  if (name === undefined) throw new Error('the lock has no package with a kernel');
  return name;
}

/** Alpine's package of PostgreSQL, with a link to Debian's programs; none if Debian's package is missing. */
function postgresqlPackages(packages: readonly DebianPackage[]): PackageRecipe[] {
  const [, server, major] =
    packages
      .map(({ locked: { name } }) => /^(postgresql-(\d+))$/.exec(name))
      .find((match) => match !== null) ?? [];
  if (server === undefined || major === undefined) return [];
  const link: SymlinkEntry = {
    ...{ type: 'symlink', path: 'usr/libexec/postgresql18', mode: 0o777 },
    ...{ target: `../lib/postgresql/${major}/bin`, uid: 0, gid: 0, origin: 'fixture' },
  };
  return [
    { name: 'postgresql18', version: '18.1-r0', depends: [server], entries: laidOut([link]) },
  ];
}

function withoutThose(
  links: Readonly<Record<string, string>>,
  others: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(Object.entries(links).filter(([path]) => !(path in others)));
}

/** A file in two packages stays in the first only, unless the first replaces the second. */
function withoutTwice(recipes: readonly PackageRecipe[]): PackageRecipe[] {
  const owners = new Map<string, PackageRecipe>();
  return recipes.map((recipe) => {
    const entries = recipe.entries?.filter(({ type, path }) => {
      if (type === 'directory') return true;
      const owner = owners.get(path);
      owners.set(path, owner ?? recipe);
      return owner === undefined || owner.replaces?.includes(recipe.name) === true;
    });
    return entries === undefined ? recipe : { ...recipe, entries };
  });
}
