import type { BaseName } from '../bases.ts';

/** What a database says about one vulnerability of a source package. */
export interface Advisory {
  /** `CVE-2026-1234`, or the database's own id if there is no CVE number. */
  readonly id: string;
  /** `fixed` in a version, `open` if no version has the fix, `undetermined` if that is unknown. */
  readonly state: 'fixed' | 'open' | 'undetermined';
  /** The first version of the source package with the fix; only if the state is `fixed`. */
  readonly fixed?: string | undefined;
  /** Urgency as the database states it: `high`, `unimportant`. */
  readonly urgency?: string | undefined;
}

/** A database of advisories: one file for one base. */
export interface AdvisoryDatabase {
  readonly base: BaseName;
  /** Releases that it covers: `trixie`, `v3.24`. */
  readonly suites: ReadonlySet<string>;
  /** The only repository that it covers; absent if it covers all. */
  readonly repository?: string | undefined;
  /** Number of advisories in it, counted once per package. */
  readonly entries: number;
  /** Year of its newest CVE. */
  readonly newestYear?: number | undefined;
  /** Invalid versions in it, one line each; they cannot be compared. */
  readonly malformed: readonly string[];
  /** Returns the advisories for a source package of a release, sorted by id. */
  find(suite: string, source: string): readonly Advisory[];
}

/** Returns the newest year in CVE numbers; `undefined` if there is none. */
export function findNewestYear(ids: Iterable<string>): number | undefined {
  let newest: number | undefined;
  for (const id of ids) {
    const year = /^CVE-(\d{4})-\d{4,}$/.exec(id)?.[1];
    if (year !== undefined && Number(year) > (newest ?? 0)) newest = Number(year);
  }
  return newest;
}

/** Ids and names in databases: without spaces and control characters. */
export const WORD = /^[\x21-\x7e]{1,200}$/;
