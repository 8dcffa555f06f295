import { BuildError } from '../../../error.ts';
import type { Dependency } from '../dependency/dependency.ts';
import type { Stanza } from '../index/stanza.ts';
import type { Name, Package, Requirement } from './model.ts';
import { inTableOrder } from './name-hash.ts';
import { installedOf, type PackageDraft, packageOf } from './package.ts';
import { Tags } from './tags.ts';

/** Bit 0 is the cache; this many repositories have the others. */
const MOST_REPOSITORIES = 30;
const CACHE = 1;

/**
 * All packages that are known, with their names as a graph: what is installed, what the cache holds and what
 * repositories offer. It is filled in this order – world, installed packages, cache, repositories – and then
 * linked; the order is what apk decides ties by.
 */
export class Database {
  readonly tags = new Tags();
  /** Installed packages, in the order of their database. */
  readonly installed: Package[] = [];
  /** Repositories whose packages can be had, a bit each; the cache always can. */
  available = CACHE;
  readonly #names = new Map<string, Name>();
  readonly #packages = new Map<string, Package>();
  #repositories = 0;
  #linked = false;
  readonly #architecture: string | undefined;

  /** @param architecture CPU whose packages can be used; any if absent */
  constructor({ architecture }: { architecture?: string | undefined } = {}) {
    this.#architecture = architecture;
  }

  /** The object that stands for a name, made if it is new. */
  readonly intern = (name: string): Name => {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const made: Name = {
      name,
      id: this.#names.size,
      providers: [],
      reverseDepends: [],
      reverseInstallIf: [],
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

  /** Every name that occurs. */
  names(): IterableIterator<Name> {
    return this.#names.values();
  }

  /** The object of a name, or `undefined` if nothing knows it. */
  lookup(name: string): Name | undefined {
    return this.#names.get(name);
  }

  /** Dependencies of world on the names of this database; their tags get numbers. */
  world(dependencies: readonly Dependency[]): Requirement[] {
    return dependencies.map((dependency) => {
      this.tags.number(dependency.tag ?? '');
      return { ...dependency, name: this.intern(dependency.name) };
    });
  }

  /** Reads the installed database. @throws BuildError naming the package that cannot be read */
  addInstalled(stanzas: Iterable<Stanza>, where: string): void {
    for (const stanza of stanzas) {
      const one = this.#add(this.#read(stanza, where));
      if (one.installed !== undefined) continue;
      one.installed = installedOf(stanza, this.tags);
      this.installed.push(one);
    }
  }

  /** Reads the list of packages that the cache holds although no repository has them. */
  addCached(stanzas: Iterable<Stanza>, where: string): void {
    for (const stanza of stanzas) {
      this.#add(this.#read(stanza, where)).cached = true;
    }
  }

  /**
   * Reads the index of a repository.
   * @param offline whether its packages cannot be had now
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
      this.#add(this.#read(stanza, where)).repositories |= bit;
    }
    return this.#repositories;
  }

  /** Adds a package that no file has, as `add --virtual` makes it. */
  addVirtual(draft: PackageDraft): Package {
    return this.#add(draft);
  }

  /** Joins names to those that depend on them; called once, when everything was read. */
  link(): void {
    this.#linked = true;
    const mark = new Int32Array(this.#names.size).fill(-1);
    const markIf = new Int32Array(this.#names.size).fill(-1);
    for (const name of inTableOrder([...this.#names.values()].filter(hasProviders))) {
      for (const { package: one } of name.providers) {
        for (const { name: on } of one.depends) {
          if (mark[on.id] === name.id) continue;
          mark[on.id] = name.id;
          on.reverseDepends.push(name);
        }
        for (const { name: on } of one.installIf) {
          if (markIf[on.id] === name.id) continue;
          markIf[on.id] = name.id;
          on.reverseInstallIf.push(name);
        }
      }
    }
  }

  #read(stanza: Stanza, where: string): PackageDraft {
    return packageOf(stanza, { intern: this.intern, architecture: this.#architecture, where });
  }

  #add(draft: PackageDraft): Package {
    const known = this.#packages.get(draft.identity);
    if (known !== undefined) return known;
    const one: Package = {
      ...draft,
      id: this.#packages.size,
      repositories: draft.installedSize === 0 ? CACHE : 0,
      cached: false,
      installed: undefined,
    };
    this.#packages.set(one.identity, one);
    one.name.providers.push({ package: one, version: one.version });
    for (const { name, version } of one.provides) name.providers.push({ package: one, version });
    if (this.#linked) linkOne(one);
    return one;
  }
}

function hasProviders({ providers }: Name): boolean {
  return providers.length > 0;
}

function linkOne(one: Package): void {
  for (const { name } of one.depends) {
    if (!name.reverseDepends.includes(one.name)) name.reverseDepends.push(one.name);
  }
  for (const { name } of one.installIf) {
    if (!name.reverseInstallIf.includes(one.name)) name.reverseInstallIf.push(one.name);
  }
}
