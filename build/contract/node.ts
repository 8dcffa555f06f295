import type { LockedPackage } from './lock.ts';

/** Major version of the oldest Node that the programs of `apps/` run on. */
export const OLDEST_NODE = 24;

/** A Node that is among the packages of a base. */
export interface PackagedNode {
  /** Its own version, without that of the package: `24.19.0`. */
  readonly version: string;
  /** Where its package has the program, as a tree path. */
  readonly program: string;
  /** Its package, and then those that it cannot run without. */
  readonly packages: readonly LockedPackage[];
}
