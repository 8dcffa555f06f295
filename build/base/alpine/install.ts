import { BuildError } from '../../error.ts';
import type { Entry } from '../../tree/entry.ts';
import { getParent, nameOf } from '../../tree/path.ts';
import type { Tree } from '../../tree/tree.ts';
import { type Database, makeDatabaseFiles, makeInitialDirectories } from './installed/database.ts';
import { DirectoryOwners, FileOwners } from './installed/owners.ts';
import type { InstalledPackage } from './installed/package.ts';
import { type AccountNumbers, renumberOwners } from './renumber.ts';

/** A package to install, and the contents of its archive. */
export interface PackageToInstall extends InstalledPackage {
  /** Entries of its archive, without the package record. */
  readonly entries: readonly Entry[];
}

/** What to install into an empty root. */
export interface Installation extends Omit<Database, 'packages'> {
  /**
   * Accounts of the system. Files owned by one of these names get that account's id, as apk does with the accounts of
   * the root it installs into; for other names the archive's numeric ids are kept.
   */
  readonly accounts?: AccountNumbers | undefined;
  /** In the order in which apk installs them. */
  readonly packages: readonly PackageToInstall[];
}

/** The planned contents of the root. */
export interface InstallationPlan {
  /** Entries of the packages in order; later ones replace earlier ones. Directories have their final owner and mode. */
  readonly entries: readonly Entry[];
  /** Directories that exist whether or not a package has them. */
  readonly directories: readonly Entry[];
  /** apk's database and configuration; they replace entries of packages at these paths. */
  readonly database: readonly Entry[];
}

/**
 * Plans what `apk --initdb --no-scripts add` puts into an empty root. No package script is run.
 * @throws BuildError if two packages have the same file and neither replaces the other
 */
export function planInstallation(installation: Installation): InstallationPlan {
  const { accounts, ...configuration } = installation;
  const packages = installation.packages.map((added) => renumberOwners(added, accounts));
  const directories = makeInitialDirectories();
  const directoryOwners = new DirectoryOwners(directories.map((entry) => [entry.path, entry]));
  for (const { record } of packages) {
    for (const directory of record.directories) directoryOwners.add(directory);
  }
  const fileOwners = new FileOwners();
  const entries = packages.flatMap((added) => kept(added, fileOwners.claim(added)));
  const installed = packages.map((added) => ({
    ...added,
    record: { ...added.record, directories: fileOwners.remaining(added) },
  }));
  return {
    entries: entries.map((entry) => withOwner(entry, directoryOwners)),
    directories,
    database: makeDatabaseFiles({ ...configuration, packages: installed }),
  };
}

function kept({ entries }: PackageToInstall, denied: ReadonlySet<string>): readonly Entry[] {
  if (denied.size === 0) return entries;
  for (const entry of entries) {
    if (entry.type === 'hardlink' && denied.has(entry.target) && !denied.has(entry.path)) {
      throw new BuildError({
        what: `hard link ${entry.path} names ${entry.target}, which belongs to another package`,
        where: entry.origin,
        fix: 'Leave one of the two packages out.',
      });
    }
  }
  return entries.filter(({ type, path }) => type === 'directory' || !denied.has(path));
}

function withOwner(entry: Entry, owners: DirectoryOwners): Entry {
  const owner = entry.type === 'directory' ? owners.of(entry.path) : undefined;
  if (owner === undefined) return entry;
  const { uid, gid, mode } = owner;
  return { ...entry, uid, gid, mode };
}

/**
 * Carries out a plan.
 * @throws BuildError if a package's entries conflict with the tree
 */
export function installPackages(
  { entries, directories, database }: InstallationPlan,
  tree: Tree,
): void {
  for (const entry of entries) {
    if (entry.type === 'directory') tree.add(entry);
    else if (!leadsToItself(entry, tree)) tree.replace(entry);
  }
  for (const entry of directories) {
    if (tree.canonical(entry.path) === undefined) tree.add(entry);
  }
  for (const entry of database) tree.replace(entry);
}

/**
 * Whether a link would point to its own path. With a merged `/usr`, links from `/usr/lib` to a library in `/lib` do,
 * which packages of older branches contain. They are not needed, because both paths are the same file.
 */
function leadsToItself(entry: Entry, tree: Tree): boolean {
  if (entry.type !== 'symlink') return false;
  const folder = tree.canonical(getParent(entry.path));
  if (folder === undefined) return false;
  const target = entry.target.startsWith('/') ? entry.target : `${folder}/${entry.target}`;
  return tree.canonical(target) === (folder === '' ? '' : `${folder}/`) + nameOf(entry.path);
}
