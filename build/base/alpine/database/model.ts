import type { Dependency } from '../dependency/dependency.ts';

/** A name that packages have, provide or depend on. */
export interface Name {
  readonly name: string;
  /** Its position, from 0, in the order in which names were first seen. */
  readonly id: number;
  /** Packages of this name and packages that provide it, in the order in which they were read. */
  providers: Provider[];
  /** Names of packages with an `install_if` on this name. */
  reverseInstallIf: readonly Name[];
  /**
   * The dependency on any version of this name, the most common kind; all packages with this dependency share the
   * object.
   */
  plain: Requirement | undefined;
}

/** A package as the provider of a name. */
export interface Provider {
  readonly package: Package;
  /** The version under that name; `undefined` if the name is provided without a version, as a virtual name. */
  readonly version: string | undefined;
}

/** A dependency on an interned name. */
export type Requirement = Dependency<Name>;

/** Facts about an installed package from the installed database. */
export interface Installed {
  /** Number of the repository tag that it is pinned to; 0 for none. */
  readonly tag: number;
  /** Whether its files or one of its scripts could not be installed (`f:f`, `f:s`). */
  readonly broken: boolean;
  /** Whether its extended attributes could not be set (`f:x`). */
  readonly brokenAttributes: boolean;
}

/** A package of an index or of the installed database; one object per identity, even if several sources contain it. */
export interface Package {
  readonly name: Name;
  /** Its position, from 0, in the order in which packages were first read. */
  readonly id: number;
  readonly version: string;
  /** `C:` — packages of the same name and version with different identities are different packages. */
  readonly identity: string;
  /** `A:` — its architecture, or `noarch`; empty if unknown. */
  readonly architecture: string;
  /** Size in bytes when installed. */
  readonly installedSize: number;
  readonly depends: readonly Requirement[];
  readonly provides: readonly Requirement[];
  readonly installIf: readonly Requirement[];
  readonly providerPriority: number;
  /** Why it can neither be installed nor remain installed: a dependency cannot be read, or its architecture differs. */
  readonly defect: string | undefined;
  /** The fields that it was read from. */
  readonly fields: ReadonlyMap<string, string>;
  /** Bit set of the repositories that have it. */
  repositories: number;
  /** Whether it is in the cache although no repository has it any more. */
  cached: boolean;
  installed: Installed | undefined;
}

/** Returns `name-version`, by which apk refers to a package. */
export function nameAndVersion({ name, version }: Pick<Package, 'name' | 'version'>): string {
  return `${name.name}-${version}`;
}
