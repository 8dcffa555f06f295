/** What a package says of others, and of its size. */
export interface PackageRelations {
  /** Bytes of its files when they are installed, as it states them; absent if it does not. */
  installedSize?: number | undefined;
  /** What it depends on: one of the names of each is enough. */
  needs: readonly (readonly string[])[];
  /** Names besides its own that count as it. */
  provides: readonly string[];
  /** Names of packages together with which it comes although nothing needs it; none if it does not. */
  comesWith: readonly string[];
}
