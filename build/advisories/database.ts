import type { BaseName } from '../bases.ts';

/** What a database says of one vulnerability of a source package. */
export interface Advisory {
  /** `CVE-2026-1234`, or what the database calls one that has no such number. */
  readonly id: string;
  /** `fixed` in a version, `open` where no version has the fix, `undetermined` where nobody has found out. */
  readonly state: 'fixed' | 'open' | 'undetermined';
  /** The first version of the source package with the fix; with `fixed` only. */
  readonly fixed?: string | undefined;
  /** As the database has it: `high`, `unimportant`. */
  readonly urgency?: string | undefined;
}

/** A database of advisories: one file, for one base. */
export interface AdvisoryDatabase {
  readonly base: BaseName;
  /** Releases that it is about: `trixie`, `v3.24`. */
  readonly suites: ReadonlySet<string>;
  /** The only repository that it is about; all of them if absent. */
  readonly repository?: string | undefined;
  /** Vulnerabilities that it names, each as often as it does for a package. */
  readonly entries: number;
  /** Year of its newest CVE. */
  readonly newestYear?: number | undefined;
  /** What it says of versions that are none, a line each; it cannot be compared. */
  readonly malformed: readonly string[];
  /** What it says of a source package of a release, sorted by id. */
  find(suite: string, source: string): readonly Advisory[];
}

/** The newest year in numbers of CVEs; `undefined` if there is none. */
export function newestYearOf(ids: Iterable<string>): number | undefined {
  let newest: number | undefined;
  for (const id of ids) {
    const year = /^CVE-(\d{4})-\d{4,}$/.exec(id)?.[1];
    if (year !== undefined && Number(year) > (newest ?? 0)) newest = Number(year);
  }
  return newest;
}

/** Ids and names as databases have them: no spaces, nothing that a terminal obeys. */
export const WORD = /^[\x21-\x7e]{1,200}$/;
