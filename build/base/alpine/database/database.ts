import { BuildError } from '../../../error.ts';
import type { Dependency } from '../dependency/dependency.ts';
import type { Stanza } from '../index/stanza.ts';
import type { Name, Package, Provider, Requirement } from './model.ts';
import { sortByTable } from './name-hash.ts';
import {
  type PackageContext,
  type PackageSource,
  readIdentity,
  readInstalled,
  readPackage,
} from './package.ts';
import { Tags } from './tags.ts';

/**
 * Maximum number of repositories: in a bit set of repositories, bit 0 is the cache and each other bit is one
 * repository.
 */
const MOST_REPOSITORIES = 30;
/** The bit of the cache in a bit set of repositories. */
export const CACHE = 1;
/** Most names have no `install_if` dependents, and many no provider; they share empty lists. */
const NO_NAMES: readonly Name[] = [];
const NO_PROVIDERS: Provider[] = [];

/**
 * All known packages, with their names as a graph: installed packages, packages in the cache, and packages that
 * repositories offer. It must be filled in the order world, installed packages, cache, repositories, and then linked:
 * apk breaks ties by this order.
 */
export class Database {
  readonly tags = new Tags();
  /** Installed packages, in the order of their database. */
  readonly installed: Package[] = [];
  /** Bit set of the repositories whose packages can be fetched; the cache is always among them. */
  available = CACHE;
  readonly #names = new Map<string, Name>();
  readonly #packages = new Map<string, Package>();
  #repositories = 0;
  /** Names of packages with an `install_if`, and names that such packages provide. */
  readonly #conditional = new Set<Name>();
  /** Number of packages at the time of `link`. */
  #linked = Number.POSITIVE_INFINITY;
  readonly #context: PackageContext;

  /** @param architecture architecture whose packages can be used; any if absent */
  constructor({ architecture }: { architecture?: string | undefined } = {}) {
    this.#context = { intern: this.intern, architecture };
  }

  /** Returns the object for a name; adds a new one if needed. */
  readonly intern = (name: string): Name => {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const made: Name = {
      name,
      id: this.#names.size,
      providers: NO_PROVIDERS,
      reverseInstallIf: NO_NAMES,
      plain: undefined,
    };
    this.#names.set(name, made);
    return made;
  };

  get nameCount(): number {
    return this.#names.size;
  }

  get packageCount(): number {
    return this.#packages.size;
  }

  /**
   * Reads the dependencies of all packages, which are otherwise read on first use. Afterwards, names that appear only
   * in dependencies are known, too.
   */
  readDependencies(): void {
    for (const one of this.#packages.values()) void one.depends;
  }

  /** Returns all known names. */
  names(): IterableIterator<Name> {
    return this.#names.values();
  }

  /** Returns the object for a name, or `undefined` if the name is unknown. */
  lookup(name: string): Name | undefined {
    return this.#names.get(name);
  }

  /** Converts the dependencies of world to the names of this database; numbers their tags. */
  world(dependencies: readonly Dependency[]): Requirement[] {
    return dependencies.map((dependency) => {
      this.tags.number(dependency.tag ?? '');
      return { ...dependency, name: this.intern(dependency.name) };
    });
  }

  /** Reads the installed database. @throws BuildError naming the package that cannot be read */
  addInstalled(stanzas: Iterable<Stanza>, where: string): void {
    for (const stanza of stanzas) {
      const one = this.#add(stanza, where);
      if (one.installed !== undefined) continue;
      one.installed = readInstalled(stanza, this.tags);
      this.installed.push(one);
    }
  }

  /** Reads the list of packages that are in the cache although no repository has them. */
  addCached(stanzas: Iterable<Stanza>, where: string): void {
    for (const stanza of stanzas) {
      this.#add(stanza, where).cached = true;
    }
  }

  /**
   * Reads the index of a repository.
   * @param offline whether its packages cannot be fetched now
   * @returns its number, for `Tags.allow`
   * @throws BuildError naming the package that cannot be read, or if there are too many repositories
   */
  addRepository(
    stanzas: Iterable<Stanza>,
    { where, offline }: { where: string; offline: boolean },
  ): number {
    if (this.#repositories >= MOST_REPOSITORIES) {
      throw new BuildError({
        what: `there are more than ${MOST_REPOSITORIES} repositories`,
        where,
      });
    }
    this.#repositories += 1;
    const bit = 1 << this.#repositories;
    if (!offline) this.available |= bit;
    for (const stanza of stanzas) {
      this.#add(stanza, where).repositories |= bit;
    }
    return this.#repositories;
  }

  /**
   * Adds a package that exists in no file, as `add --virtual` does.
   * @param identity one that no other package has
   */
  addVirtual(fields: Stanza['fields'], identity: string): Package {
    return this.#insert({ fields }, identity);
  }

  /** Links names to the packages with an `install_if` on them; called once, after everything has been read. */
  link(): void {
    this.#linked = this.#packages.size;
    const lists = new Map<Name, Name[]>();
    for (const name of sortByTable([...this.#conditional].sort((a, b) => a.id - b.id))) {
      for (const { package: one } of name.providers) {
        for (const { name: on } of one.installIf) {
          const list = lists.get(on);
          if (list === undefined) lists.set(on, [name]);
          else if (list.at(-1) !== name) list.push(name);
        }
      }
    }
    for (const [name, list] of lists) name.reverseInstallIf = list;
  }

  /** Whether packages were added after `link`. */
  get hasLate(): boolean {
    return this.#packages.size > this.#linked;
  }

  /** Whether a package was added after `link`. */
  isLate({ id }: Package): boolean {
    return id >= this.#linked;
  }

  #add(stanza: Stanza, where: string): Package {
    const identity = readIdentity(stanza, where);
    return this.#packages.get(identity) ?? this.#insert(stanza, identity);
  }

  #insert(source: PackageSource, identity: string): Package {
    const one = readPackage(source, { id: this.#packages.size, identity }, this.#context);
    if (one.installedSize === 0) one.repositories = CACHE;
    this.#packages.set(identity, one);
    const isConditional = one.installIf.length > 0;
    addProvider(one.name, { package: one, version: one.version });
    if (isConditional) this.#conditional.add(one.name);
    for (const { name, version } of one.provides) {
      addProvider(name, { package: one, version });
      if (isConditional) this.#conditional.add(name);
    }
    return one;
  }
}

/** Most names have one provider: a new list of one takes less memory than an empty list that is appended to. */
function addProvider(name: Name, provider: Provider): void {
  if (name.providers === NO_PROVIDERS) name.providers = [provider];
  else name.providers.push(provider);
}
