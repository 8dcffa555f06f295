import type { BaseName } from '../bases.ts';
import type { BaseSettings, Flavour, Profile } from '../profile/profile.ts';
import type { ContentReader } from '../tree/content.ts';
import type { Entry } from '../tree/entry.ts';
import type { EntrySink } from '../tree/sink.ts';
import type { Tree } from '../tree/tree.ts';
import type { Lock, LockedPackage, PackageContent } from './lock.ts';
import type { PackagedNode } from './node.ts';
import type { FindRoute } from './route.ts';
import type { PackageScript } from './scripts.ts';

/** Input of `Base.resolve`. */
export interface ResolveRequest {
  profile: Profile;
  /** Mirror to use instead of the host's own or the default one. */
  mirror?: string | undefined;
  /** Root of the cache: holds the base's private state between runs, and its downloads. */
  cacheDirectory: string;
  /** Folder with additional trusted keys, for a private mirror; only for bases that check signatures themselves. */
  keysDirectory?: string | undefined;
  /** Repository states recorded in the lock. An older index is refused; if absent, any index is accepted. */
  notOlderThan?: Lock['repositories'] | undefined;
  /** Accept indexes that have expired by their own date. */
  acceptOutdated?: boolean | undefined;
  signal?: AbortSignal | undefined;
  /** Receives a line to show to the user when something is skipped. */
  say?: ((line: string) => void) | undefined;
}

/** The part of a lock that a base determines, and the package scripts it found. */
export interface Resolution
  extends Pick<Lock, 'request' | 'sourceDateEpoch' | 'repositories' | 'packages'> {
  /** See `Base.scripts`. */
  scripts?: readonly PackageScript[];
}

/** Where packages can be downloaded. */
export interface Mirrors {
  /** Key of a repository → its addresses, best first. A package is at `<address>/<path>`. */
  addresses: ReadonlyMap<string, readonly string[]>;
  /** How to reach their servers, if not through the proxies of the environment. */
  findRoute?: FindRoute | undefined;
}

/** Relations of a package to others, and its size. */
export interface PackageRelations {
  /** Size of its files when installed, in bytes, as stated in the package; absent if not stated. */
  installedSize?: number | undefined;
  /** Its dependencies, each as a list of alternative names. */
  needs: readonly (readonly string[])[];
  /** Names that it provides in addition to its own. */
  provides: readonly string[];
  /**
   * Names of packages that cause it to be installed although nothing depends on it (apk's `install_if`); usually empty.
   */
  comesWith: readonly string[];
}

/** A downloaded package: its entry in the lock, and its file. */
export interface PackageArchive {
  locked: LockedPackage;
  /** Path on the host; size and SHA-256 have been checked. */
  file: string;
}

/** Reads packages of a base. */
export interface ArchiveReader {
  readonly name: BaseName;
  /** Identifies the code of `open`, see `computeCodeDigest`: cached results of other code are not used. */
  readonly readerVersion: string;
  /**
   * Reads an archive into entries, once per package; the result is cached by the archive's SHA-256.
   * Paths have been checked by `parseTreePath`; nothing is unpacked and no script is run.
   * @throws BuildError if the archive is damaged or hostile
   */
  open(archive: PackageArchive, sink: EntrySink, signal?: AbortSignal): Promise<void>;
}

/** A package whose archive has been read. */
export interface OpenedPackage {
  locked: PackageContent;
  /** In the archive's order. */
  entries: readonly Entry[];
}

/** The settings of a base that affect a root filesystem; every base has these. */
export type RootfsSettings = Pick<BaseSettings<BaseName>, 'drop' | 'links' | 'accept'>;

/** The parts of a profile that affect a root filesystem; a base receives nothing else of the profile. */
export interface RootfsProfile<Settings extends RootfsSettings = RootfsSettings>
  extends Pick<
    Profile,
    | 'name'
    | 'title'
    | 'architecture'
    | 'labelPrefix'
    | 'namespace'
    | 'hostname'
    | 'accounts'
    | 'runlevels'
  > {
  /** Result of the base's `settings`. */
  settings: Settings;
}

/** Input of `merge` besides the tree and the packages. */
export interface MergeContext<Settings extends RootfsSettings = RootfsSettings> {
  profile: RootfsProfile<Settings>;
  flavour: Flavour;
  /** Reads the contents of the packages' files. */
  reader: ContentReader;
}

/** Input of `finish` besides the tree. */
export interface FinishContext {
  profile: RootfsProfile;
  base: BaseName;
  /** Product version, for `/etc/os-release`. */
  version: string;
  /** Time stamp of all files, in seconds since 1970. */
  epoch: number;
}

/** A supplier of packages. Every base gives the same appliance from the same profile. */
export interface Base<Settings extends RootfsSettings = RootfsSettings> {
  readonly name: BaseName;

  /** The module of this base, `import.meta.filename`: its source represents the functions below in step keys. */
  readonly module: string;

  /** Returns what a profile requests from this base; a lock that was resolved from a different request is stale. */
  request(profile: Profile): Lock['request'];

  /**
   * Resolves the profile's package names to exact packages, with signatures checked.
   * @throws Unresolved listing everything that prevents the packages from being installed; BuildError naming the mirror
   *   that does not answer, or the index that is too old
   */
  resolve(request: ResolveRequest): Promise<Resolution>;

  /** Returns where to download the packages of the lock's repositories, and how to reach the servers. */
  mirrors(request: ResolveRequest): Promise<Mirrors>;

  /**
   * Addresses of files that every mirror of the profile's first repository has; if one can be fetched, the base is
   * reachable. Absent if no such address is known before packages are resolved.
   * @param mirror a mirror to use instead of the profile's
   */
  probes?(profile: Profile, mirror: string | undefined): string[];

  /** Returns the reader of the packages that a profile asks for. */
  reader(profile: Profile): ArchiveReader;

  /**
   * Lists the scripts of packages, none of which is run, with the profile's verdict on each. Absent if profiles contain
   * no reviews for this base, because everything its scripts do is declared or derived.
   */
  scripts?(archives: readonly PackageArchive[], profile: Profile): Promise<PackageScript[]>;

  /**
   * Reads the relations of packages to each other, and their sizes.
   * @param packages packages of an image; `file` is absent if the archive is not in the cache
   * @returns package name → relations; packages whose relations are unknown without their archive are left out
   */
  relations(
    packages: readonly (Pick<PackageArchive, 'locked'> & Partial<Pick<PackageArchive, 'file'>>)[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, PackageRelations>>;

  /**
   * Compares two versions of a package by the base's rules.
   * @returns a number less than 0 if the first is older, 0 if they are equal, else greater than 0
   */
  compareVersions(version: string, other: string): number;

  /** Returns the settings that `merge` and `finish` read. */
  settings(profile: Profile): Settings;

  /**
   * Adds packages to the tree, which already contains the skeleton.
   * @param packages in the lock's order
   * @throws BuildError if two packages have different files at one path
   */
  merge(tree: Tree, packages: readonly OpenedPackage[], context: MergeContext<Settings>): void;

  /**
   * Finds Node among the packages of an image, to run the image's programs. Absent if programs run on npm's Node.
   * @returns `undefined` if the packages contain no Node
   * @throws BuildError if that Node is too old for the programs
   */
  node?(packages: readonly LockedPackage[]): PackagedNode | undefined;

  /** Returns the entries that come before the first package: the links of a merged /usr, mount points. */
  skeleton(): Entry[];

  /**
   * Adds what package scripts would create: applet links, CA bundle, module index, accounts, runlevels. The tree
   * already contains all packages, links and overlays.
   * @throws BuildError if a file that one of these is made from is missing
   */
  finish(tree: Tree, context: FinishContext): void;
}
