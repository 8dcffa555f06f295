import type { LockedPackage } from './lock.ts';

/** Major version of the oldest Node that can run the programs of `apps/`. */
export const OLDEST_NODE = 24;

/** A Node among the packages of a base. */
export interface PackagedNode {
  /** Version of Node itself, without the package's revision: `24.19.0`. */
  readonly version: string;
  /** Tree path of the executable. */
  readonly program: string;
  /** Its package, followed by the packages that it depends on. */
  readonly packages: readonly LockedPackage[];
}
