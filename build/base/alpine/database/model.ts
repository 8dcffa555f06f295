import type { Dependency } from '../dependency/dependency.ts';

/** A name that packages have, provide or depend on. */
export interface Name {
  readonly name: string;
  /** Its place in the order in which names were first seen, from 0. */
  readonly id: number;
  /** Packages of this name and those that provide it, in the order in which they were read. */
  providers: Provider[];
  /** Names of packages that install themselves when this one, among others, is there. */
  reverseInstallIf: readonly Name[];
  /** The dependency on it in any version, which most dependencies are: one for all that have it. */
  plain: Requirement | undefined;
}

/** A package, as what provides a name. */
export interface Provider {
  readonly package: Package;
  /** The version under that name; `undefined` if it is provided without one, as a virtual name. */
  readonly version: string | undefined;
}

/** A dependency on an interned name. */
export type Requirement = Dependency<Name>;

/** What the database of installed packages says of one. */
export interface Installed {
  /** Number of the repository tag it was installed by; 0 for none. */
  readonly tag: number;
  /** Whether files or a script of it could not be installed (`f:f`, `f:s`). */
  readonly broken: boolean;
  /** Whether extended attributes could not be set (`f:x`). */
  readonly brokenAttributes: boolean;
}

/** A package of an index or of the installed database; one for each identity, wherever it was read. */
export interface Package {
  readonly name: Name;
  /** Its place in the order in which packages were first read, from 0. */
  readonly id: number;
  readonly version: string;
  /** `C:` — the same name and version with another identity is another package. */
  readonly identity: string;
  /** `A:` — its CPU, or `noarch`; empty if unknown. */
  readonly architecture: string;
  /** Bytes that it takes when installed. */
  readonly installedSize: number;
  readonly depends: readonly Requirement[];
  readonly provides: readonly Requirement[];
  readonly installIf: readonly Requirement[];
  readonly providerPriority: number;
  /** Why it cannot be installed although it is there, or stay: a dependency of it cannot be read, it is for another CPU. */
  readonly defect: string | undefined;
  /** The fields it was read from. */
  readonly fields: ReadonlyMap<string, string>;
  /** Repositories that have it, a bit each. */
  repositories: number;
  /** Whether the cache has it although no repository does any more. */
  cached: boolean;
  installed: Installed | undefined;
}

/** `name-version`, as apk calls a package. */
export function nameAndVersion({ name, version }: Pick<Package, 'name' | 'version'>): string {
  return `${name.name}-${version}`;
}
