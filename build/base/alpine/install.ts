import { BuildError } from '../../error.ts';
import type { Entry } from '../../tree/entry.ts';
import type { Tree } from '../../tree/tree.ts';
import { type Database, databaseFiles, initialDirectories } from './installed/database.ts';
import { DirectoryOwners, FileOwners } from './installed/owners.ts';
import type { InstalledPackage } from './installed/package.ts';
import { type AccountNumbers, renumbered } from './renumber.ts';

/** A package that is to be installed, and what its archive has. */
export interface PackageToInstall extends InstalledPackage {
  /** Entries of its archive, without the record. */
  readonly entries: readonly Entry[];
}

/** What is to be installed into an empty root. */
export interface Installation extends Omit<Database, 'packages'> {
  /**
   * Accounts of the system. Whatever an archive says belongs to one of these names gets its number, as apk does
   * with the accounts that a root has; other names leave the numbers of the archive.
   */
  readonly accounts?: AccountNumbers | undefined;
  /** In the order in which apk would install them. */
  readonly packages: readonly PackageToInstall[];
}

/** What an installation comes to. */
export interface InstallationPlan {
  /** What packages bring, in order: later ones take the place of earlier ones. Directories are as they end up. */
  readonly entries: readonly Entry[];
  /** Directories that are there whatever the packages bring. */
  readonly directories: readonly Entry[];
  /** Database and configuration; they take the place of whatever a package has there. */
  readonly database: readonly Entry[];
}

/**
 * Plans what `apk --initdb --no-scripts add` would put into an empty root. No package script is run.
 * @throws BuildError if two packages claim one file and neither replaces the other
 */
export function planInstallation(installation: Installation): InstallationPlan {
  const { accounts, ...configuration } = installation;
  const packages = installation.packages.map((added) => renumbered(added, accounts));
  const directories = initialDirectories();
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
    database: databaseFiles({ ...configuration, packages: installed }),
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
 * @throws BuildError if a package's entries contradict the tree
 */
export function install({ entries, directories, database }: InstallationPlan, tree: Tree): void {
  for (const entry of entries) {
    if (entry.type === 'directory') tree.add(entry);
    else tree.replace(entry);
  }
  for (const entry of directories) {
    if (tree.canonical(entry.path) === undefined) tree.add(entry);
  }
  for (const entry of database) tree.replace(entry);
}
