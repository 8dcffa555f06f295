/** Relations of a package to others, and its size. */
export interface PackageRelations {
  /** Size of its files when installed, in bytes, as stated in the package; absent if not stated. */
  installedSize?: number | undefined;
  /** Its dependencies, each as a list of alternative names. */
  needs: readonly (readonly string[])[];
  /** Names that it provides in addition to its own. */
  provides: readonly string[];
  /** Names of packages that it is installed with although nothing needs it (apk's `install_if`); usually empty. */
  comesWith: readonly string[];
}
