import type { BaseName } from '../bases.ts';
import type { BaseSettings, Flavour, Profile } from '../profile/profile.ts';
import type { ContentReader } from '../tree/content.ts';
import type { Entry } from '../tree/entry.ts';
import type { EntrySink } from '../tree/sink.ts';
import type { Tree } from '../tree/tree.ts';
import type { Lock, LockedPackage, PackageContent } from './lock.ts';
import type { PackagedNode } from './node.ts';
import type { PackageRelations } from './relations.ts';
import type { FindRoute } from './route.ts';
import type { PackageScript } from './scripts.ts';

/** What a base is given to resolve with. */
export interface ResolveRequest {
  profile: Profile;
  /** A mirror to use instead of the host's own or the default one. */
  mirror?: string | undefined;
  /** Root of the cache: the base's private state is kept there between runs, and so is what it downloads. */
  cacheDirectory: string;
  /** Folder with further keys to believe, for a mirror of one's own; only where the base reads keys itself. */
  keysDirectory?: string | undefined;
  /** Repository states recorded in the lock. An older index is refused; leave out to accept any. */
  notOlderThan?: Lock['repositories'] | undefined;
  /** Takes indexes that say of themselves that they are no longer the newest. */
  acceptOutdated?: boolean | undefined;
  signal?: AbortSignal | undefined;
  /** Receives a line for people when something is passed over. */
  say?: ((line: string) => void) | undefined;
}

/** The part of a lock that a base knows, and what it came across. */
export interface Resolution
  extends Pick<Lock, 'request' | 'sourceDateEpoch' | 'repositories' | 'packages'> {
  /** See `Base.scripts`. */
  scripts?: readonly PackageScript[];
}

/** Where packages are. */
export interface Mirrors {
  /** Key of a repository → addresses, best first. A package is at `<address>/<path>`. */
  addresses: ReadonlyMap<string, readonly string[]>;
  /** How their servers are reached, if not by the proxies of the environment. */
  findRoute?: FindRoute | undefined;
}

/** One downloaded package: what the lock says of it, and where it lies. */
export interface PackageArchive {
  locked: LockedPackage;
  /** Path on the host; its size and SHA-256 were checked. */
  file: string;
}

/** Reads packages of a base. */
export interface ArchiveReader {
  readonly name: BaseName;
  /** Stands for the code of `open`, see `codeDigest`: what other code has read and cached is left. */
  readonly readerVersion: string;
  /**
   * Reads an archive into entries, once per package; the result is cached by the archive's SHA-256.
   * Paths have passed `treePath`; nothing is unpacked and no script is run.
   * @throws BuildError if the archive is damaged or hostile
   */
  open(archive: PackageArchive, sink: EntrySink, signal?: AbortSignal): Promise<void>;
}

/** A package that was opened. */
export interface OpenedPackage {
  locked: PackageContent;
  /** In the archive's order. */
  entries: readonly Entry[];
}

/** What of a profile's settings for a base shapes a root filesystem; all bases have these. */
export type RootfsSettings = Pick<BaseSettings<BaseName>, 'drop' | 'links' | 'accept'>;

/** What of a profile shapes a root filesystem; a base is handed no more of it. */
export interface RootfsProfile<Settings extends RootfsSettings = RootfsSettings>
  extends Pick<
    Profile,
    'name' | 'title' | 'architecture' | 'labelPrefix' | 'hostname' | 'accounts' | 'runlevels'
  > {
  /** As the base's `settings` gives them. */
  settings: Settings;
}

/** What packages are merged with. */
export interface MergeContext<Settings extends RootfsSettings = RootfsSettings> {
  profile: RootfsProfile<Settings>;
  flavour: Flavour;
  /** Reads what is in the packages. */
  reader: ContentReader;
}

/** What `finish` may look at besides the tree. */
export interface FinishContext {
  profile: RootfsProfile;
  base: BaseName;
  /** Version of the product, for `/etc/os-release`. */
  version: string;
  /** Time stamp of all files, seconds since 1970. */
  epoch: number;
}

/** A supplier of packages. Both bases give the same appliance from the same profile. */
export interface Base<Settings extends RootfsSettings = RootfsSettings> {
  readonly name: BaseName;

  /** The module of this base, `import.meta.filename`: in keys, its source stands for the functions below. */
  readonly module: string;

  /** What the profile asks of this base; a lock that was resolved from another request is stale. */
  request(profile: Profile): Lock['request'];

  /**
   * Turns the profile's package names into exact packages, signatures checked.
   * @throws Unresolved with all that keeps the packages from being installed; BuildError naming the mirror that does
   *   not answer, or the index that is older than it must be
   */
  resolve(request: ResolveRequest): Promise<Resolution>;

  /**
   * Where the packages of the lock's repositories are, and how to get there.
   */
  mirrors(request: ResolveRequest): Promise<Mirrors>;

  /**
   * Addresses of what every mirror of the profile's first repository has; one that can be had tells that the base can
   * be reached. Absent where that is not known before packages are resolved.
   * @param mirror a mirror to use instead of the profile's
   */
  probes?(profile: Profile, mirror: string | undefined): string[];

  /** Reads the packages that a profile asks for. */
  reader(profile: Profile): ArchiveReader;

  /**
   * Scripts of packages, none of which is run, and what the profile says of each. Absent where the profile has no
   * reviews, since all that scripts of this base do is declared or derived.
   */
  scripts?(archives: readonly PackageArchive[], profile: Profile): Promise<PackageScript[]>;

  /**
   * What packages say of each other, and of their sizes.
   * @param packages those of an image; `file` is absent where the archive is not in the cache
   * @returns by name of a package; without those of which it is not known, as their archive is not there
   */
  relations(
    packages: readonly (Pick<PackageArchive, 'locked'> & Partial<Pick<PackageArchive, 'file'>>)[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, PackageRelations>>;

  /** What `merge` and `finish` read of the base's settings. */
  settings(profile: Profile): Settings;

  /**
   * Adds packages to the tree, which holds the skeleton.
   * @param packages in the lock's order
   * @throws BuildError if two packages claim one path
   */
  merge(tree: Tree, packages: readonly OpenedPackage[], context: MergeContext<Settings>): void;

  /**
   * The Node among the packages of an image, on which the programs run. Absent where they run on that of npm.
   * @returns `undefined` if it is not among them
   * @throws BuildError if the programs do not run on one that is so old
   */
  node?(packages: readonly LockedPackage[]): PackagedNode | undefined;

  /** What must be in the tree before the first package: the links of a merged /usr, mount points. */
  skeleton(): Entry[];

  /**
   * Adds what package scripts would have made: applet links, CA bundle, module index, accounts, runlevels.
   * The tree holds all packages, links and overlays.
   * @throws BuildError if something it derives from is missing
   */
  finish(tree: Tree, context: FinishContext): void;
}
