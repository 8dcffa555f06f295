import {
  type AdvisoryReport,
  assessAdvisories,
  type Finding,
  isOpen,
} from '../build/advisories/assess.ts';
import type { PinnedDatabase } from '../build/advisories/pins.ts';
import { locateReviews, readReviews } from '../build/advisories/reviews.ts';
import type { ArchitectureName } from '../build/architecture.ts';
import { type BaseChoice, loadBase } from '../build/base/select.ts';
import { BASE_NAMES, BASES } from '../build/bases.ts';
import type { Lock, LockedPackage } from '../build/contract/lock.ts';
import { BuildError, must } from '../build/error.ts';
import { listPackages } from '../build/image/facts.ts';
import { lockCommand } from '../build/lock/current.ts';
import { isLocked, lockFile, readLock } from '../build/lock/file.ts';
import { writeFileAtomically } from '../build/process/atomic-write.ts';
import { loadProfile } from '../build/profile/load.ts';
import type { Flavour, Profile } from '../build/profile/profile.ts';
import type { Output } from './ui/events.ts';
import { formatTable } from './ui/format.ts';

/** Input of `reportAdvisories`. */
export interface AdvisoryRequest {
  projectDirectory: string;
  profiles: readonly string[];
  base: BaseChoice;
  architecture: ArchitectureName;
  flavour: Flavour;
  databases: readonly PinnedDatabase[];
  /** The date to use as today, `2026-11-28`. */
  asOf: string;
  /** Days after which a database is out of date. */
  maxAge: number;
  /** Returns the path of the file for a profile's findings and reviews (CycloneDX); if undefined, none is written. */
  vexFile: ((profile: string) => string) | undefined;
}

/** Summary of the open findings, and of data that is out of date. */
export interface AdvisoryOutcome {
  /** Number of findings that need action. */
  open: number;
  /** Number of these findings that a newer version fixes. */
  fixable: number;
  /** Why data is out of date, one line each. */
  outdated: string[];
}

/**
 * Reports the open findings of images, according to their locks.
 * @throws BuildError if a profile has no lock, or the databases are for other releases
 */
export async function reportAdvisories(
  request: AdvisoryRequest,
  output: Output,
): Promise<AdvisoryOutcome> {
  const outcome: AdvisoryOutcome = { open: 0, fixable: 0, outdated: [] };
  const outdated = new Set<string>();
  for (const wanted of request.profiles) {
    const image = await readImage(wanted, request);
    const { name } = image.profile;
    const { lock, packages } = image;
    const reviews = await readReviews(locateReviews(image.profile));
    const { databases, asOf, maxAge } = request;
    const { compareVersions } = await loadBase(lock.base);
    const report = assessAdvisories({
      lock,
      compareVersions,
      packages,
      databases,
      reviews,
      asOf,
      maxAge,
    });
    if (request.vexFile !== undefined) {
      await writeFileAtomically(request.vexFile(name), await vexOf(image, report, request));
    }
    const open = report.findings.filter(isOpen);
    outcome.open += open.length;
    outcome.fixable += open.filter(({ fixed }) => fixed !== undefined).length;
    for (const { pin, outdated: why } of report.data) {
      if (why !== undefined) outdated.add(`${pin.name}: ${why}`);
    }
    emitReport(name, report, output);
    if (!output.json) output.say(describeReport(image, report, request));
  }
  return { ...outcome, outdated: [...outdated] };
}

interface LockedImage {
  profile: Profile;
  lock: Lock;
  /** The packages of an image of one kernel flavour. */
  packages: LockedPackage[];
}

async function readImage(name: string, request: AdvisoryRequest): Promise<LockedImage> {
  const { projectDirectory, architecture, flavour } = request;
  const profile = await loadProfile(projectDirectory, name, architecture);
  const own = BASE_NAMES.filter((base) => profile.bases[base] !== undefined);
  const base =
    request.base === 'auto'
      ? (own.find((one) => isLocked(profile, one)) ?? must(own.at(-1), 'base'))
      : request.base;
  const file = lockFile(profile, base);
  const lock = readLock(file);
  if (lock === undefined) {
    const command = lockCommand({ base: { name: base }, profile, projectDirectory });
    const fix = `Write it with \`${command}\`.`;
    throw new BuildError({ what: 'there is no lock yet', where: file, fix });
  }
  return { profile, lock, packages: listPackages(lock, flavour) };
}

async function vexOf(
  { profile, lock, packages }: LockedImage,
  { findings }: AdvisoryReport,
  { projectDirectory, asOf }: AdvisoryRequest,
): Promise<string> {
  const { readProductVersion } = await import('../build/image/product-version.ts');
  const { formatVex } = await import('../build/advisories/vex.ts');
  const { name, title } = profile;
  const materials = {
    appliance: { name, title, version: readProductVersion(projectDirectory) },
    base: lock.base,
    suite: lock.request.suite,
    packages,
    sourceDateEpoch: Date.parse(asOf) / 1000,
  };
  return formatVex(materials, findings);
}

function emitReport(image: string, report: AdvisoryReport, output: Output): void {
  for (const finding of report.findings) {
    const { packages, review, ...known } = finding;
    const names = packages.map(({ name }) => name);
    output.emit({
      ...{ event: 'advisory', image, ...known, packages: names, open: isOpen(finding) },
      ...(review === undefined ? {} : { review }),
    });
  }
  const { expired, unknown, malformed } = report;
  const open = report.findings.filter(isOpen).length;
  const data = report.data.map(({ pin, ...age }) => ({ ...pin, ...age }));
  output.emit({ event: 'advisories', image, open, data, expired, unknown, malformed });
}

/** Formats the report as text. */
function describeReport(
  { profile, lock, packages }: LockedImage,
  report: AdvisoryReport,
  { asOf, architecture }: AdvisoryRequest,
): string {
  const { findings, data } = report;
  const open = findings.filter(isOpen);
  const base = `${BASES[lock.base].title} ${lock.request.suite}`;
  return [
    `${profile.name}: ${packages.length} packages of ${base}, ${architecture}, on ${asOf}`,
    ...data.map(
      ({ pin, days, entries, outdated }) =>
        `  ${pin.name} of ${pin.date}, ${days} days old, ${entries} entries${outdated === undefined ? '' : `: TOO OLD, ${outdated}`}`,
    ),
    ...(open.length === 0 ? [] : ['', formatTable([HEADING, ...open.map(rowOf)])]),
    '',
    summaryOf(findings, open),
    ...notesOf(report),
    'Node and the npm packages in the programs are not in these databases, and not checked.',
    '',
  ].join('\n');
}

const HEADING = ['Advisory', 'Source package', 'Version', 'Fixed in', 'Urgency', 'Review'];

function rowOf({ id, source, version, fixed = 'none yet', urgency = '', review }: Finding) {
  return [id, source, version, fixed, urgency, review?.state ?? ''];
}

function summaryOf(findings: readonly Finding[], open: readonly Finding[]): string {
  const fixable = open.filter(({ fixed }) => fixed !== undefined).length;
  const closed = findings.filter((one) => one.review !== undefined && !isOpen(one)).length;
  const undetermined = findings.filter(
    ({ state, review }) => state === 'undetermined' && review === undefined,
  ).length;
  const rest = findings.length - open.length - closed - undetermined;
  return `${open.length} open, ${fixable} of which are fixed in a newer version; ${closed} reviewed and closed, ${undetermined} undetermined, ${rest} unimportant`;
}

function notesOf({ expired, unknown, malformed }: AdvisoryReport): string[] {
  return [
    ...expired.map((one) => `Review expired on ${one.expires}: ${one.id} in ${one.package}`),
    ...unknown.map(
      (one) => `Review of an advisory that is not found here: ${one.id} in ${one.package}`,
    ),
    ...malformed.map((line) => `Not compared, because its version is not valid: ${line}`),
  ];
}
