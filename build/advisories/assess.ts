import { BASES, type BaseName } from '../bases.ts';
import type { Base } from '../contract/base.ts';
import type { Lock, LockedPackage } from '../contract/lock.ts';
import { BuildError } from '../error.ts';
import type { Advisory } from './database.ts';
import type { AdvisoryPin, PinnedDatabase } from './pins.ts';
import type { Review } from './reviews.ts';

/** Input of `assessAdvisories`. */
export interface Assessment {
  readonly lock: Pick<Lock, 'base' | 'request' | 'repositories'>;
  /** See `Base.compareVersions` of the lock's base. */
  readonly compareVersions: Base['compareVersions'];
  /** The packages of this image, without those of another kernel flavour. */
  readonly packages: readonly LockedPackage[];
  readonly databases: readonly PinnedDatabase[];
  /** Reviews of single vulnerabilities. */
  readonly reviews: readonly Review[];
  /** The date to use as today, `2026-11-28`. */
  readonly asOf: string;
  /** Days after which a database is out of date. */
  readonly maxAge: number;
}

/** A known vulnerability of a package of the image. */
export interface Finding extends Advisory {
  /** Name of the source package in the database. */
  readonly source: string;
  /** Version of the source package in the image. */
  readonly version: string;
  /** The packages in the image that are built from the source package, sorted. */
  readonly packages: readonly LockedPackage[];
  /** The review of this vulnerability, if there is a valid one. */
  readonly review?: Review | undefined;
}

/** Age of a database. */
export interface DatabaseAge {
  readonly pin: AdvisoryPin;
  /** Days since it was published. */
  readonly days: number;
  readonly entries: number;
  readonly newestYear?: number | undefined;
  /** Why the database is out of date; absent if it is current. */
  readonly outdated?: string | undefined;
}

/** The known vulnerabilities of an image. */
export interface AdvisoryReport {
  readonly data: readonly DatabaseAge[];
  /** Sorted by source package, then id. */
  readonly findings: readonly Finding[];
  /** Reviews that have expired; their findings count as unreviewed. */
  readonly expired: readonly Review[];
  /** Reviews of vulnerabilities that no database reports for the image. */
  readonly unknown: readonly Review[];
  /** Invalid versions in the databases, for packages of the image, one line each. */
  readonly malformed: readonly string[];
}

/**
 * Finds the vulnerabilities of an image from its lock. Advisories are for source packages, whose versions are compared
 * by the rules of the base.
 * @throws BuildError if the databases do not cover all repositories of the lock
 */
export function assessAdvisories(assessment: Assessment): AdvisoryReport {
  const { lock, reviews, asOf, maxAge } = assessment;
  const { base } = lock;
  const databases = assessment.databases.filter(({ database }) => database.base === base);
  checkCoverage(lock, databases);
  const valid = reviews.filter(({ expires }) => expires > asOf);
  const sources = sourcesOf(assessment.packages, base);
  const findings = sources.flatMap((one) =>
    advisoriesFor(one, databases, assessment).map(
      (advisory): Finding => ({ ...advisory, ...one, review: reviewOf(advisory, one, valid) }),
    ),
  );
  const known = (review: Review) => findings.some((one) => reviewCovers(review, one, one));
  const names = new Set(sources.map(({ source }) => source));
  return {
    data: databases.map((one) => ageOf(one, asOf, maxAge)),
    findings,
    expired: reviews.filter(({ expires }) => expires <= asOf),
    unknown: valid.filter((review) => !known(review)),
    malformed: databases
      .flatMap(({ database }) => database.malformed)
      .filter((line) => names.has(line.slice(0, line.indexOf(' ')))),
  };
}

/**
 * Whether a finding needs action. Its review determines this; without a review, findings that the database calls
 * undetermined or unimportant need none.
 */
export function isOpen({ state, urgency, review }: Finding): boolean {
  if (review !== undefined) return review.state === 'exploitable' || review.state === 'in_triage';
  return state !== 'undetermined' && urgency !== 'unimportant';
}

interface Source {
  readonly source: string;
  readonly version: string;
  readonly packages: readonly LockedPackage[];
}

/** Lists the source packages of an image, once per version, sorted. */
function sourcesOf(packages: readonly LockedPackage[], base: BaseName): Source[] {
  const groups = Map.groupBy(packages, (locked) => originOf(locked, base).join(' '));
  return [...groups.values()]
    .flatMap((of) => {
      const [first] = of;
      if (first === undefined) return [];
      const [source, version] = originOf(first, base);
      return [{ source, version, packages: of.toSorted((a, b) => (a.name < b.name ? -1 : 1)) }];
    })
    .sort((a, b) => (`${a.source} ${a.version}` < `${b.source} ${b.version}` ? -1 : 1));
}

/** Returns the name and version of a package's source package in the databases. */
function originOf(locked: LockedPackage, base: BaseName): [source: string, version: string] {
  const { name, version, source = name, sourceVersion = version } = locked;
  // The source of signed kernels is `linux-signed-` and the architecture, with version 6.12.3+1 for 6.12.3-1; the
  // tracker only has `linux`.
  if (base === 'debian' && /^linux-signed-/.test(source)) return ['linux', version];
  return [source, sourceVersion];
}

/** Lists the advisories that affect a version of a source package. */
function advisoriesFor(
  { source, version }: Source,
  databases: readonly PinnedDatabase[],
  { lock, compareVersions }: Assessment,
): Advisory[] {
  const all = databases.flatMap(({ database }) => database.find(lock.request.suite, source));
  return all.filter(({ fixed }) => fixed === undefined || compareVersions(version, fixed) < 0);
}

function reviewOf(
  advisory: Advisory,
  source: Source,
  reviews: readonly Review[],
): Review | undefined {
  return reviews.find((review) => reviewCovers(review, advisory, source));
}

function reviewCovers(review: Review, { id }: Advisory, { source }: Source): boolean {
  return review.id === id && review.package === source;
}

function checkCoverage(
  { base, request, repositories }: Assessment['lock'],
  databases: readonly PinnedDatabase[],
): void {
  const about = databases
    .map(({ database }) => database)
    .filter(({ suites }) => suites.has(request.suite));
  const isCovered = (name: string) =>
    about.some(({ repository }) => repository === undefined || repository === name);
  const missing = Object.keys(repositories).filter((name) => !isCovered(name));
  if (missing.length === 0) return;
  throw new BuildError({
    what: `there are no advisories for ${BASES[base].title} ${request.suite}: ${missing.join(', ')}`,
    fix: 'Also give the files for them; docs/image-documents.md says where they are published.',
  });
}

const DAY = 86_400_000;

function ageOf({ pin, database }: PinnedDatabase, asOf: string, maxAge: number): DatabaseAge {
  const { entries, newestYear } = database;
  const days = Math.round((Date.parse(asOf) - Date.parse(pin.date)) / DAY);
  return {
    pin,
    days,
    entries,
    newestYear,
    outdated: whyOutdated({ days, newestYear, asOf, maxAge }),
  };
}

interface Age extends Pick<Assessment, 'asOf' | 'maxAge'> {
  days: number;
  newestYear: number | undefined;
}

function whyOutdated({ days, newestYear, asOf, maxAge }: Age): string | undefined {
  if (days > maxAge) return `it is ${days} days old`;
  if (days < -1) return `its date is ${-days} days ahead`;
  // CVE numbers of a year are assigned from January on, so a database of February or later contains some.
  const [year = 0, month = 0] = asOf.split('-').map(Number);
  if (month > 1 && newestYear !== undefined && newestYear < year) {
    return `its newest entry is from ${newestYear}, whatever its date says`;
  }
  return undefined;
}
