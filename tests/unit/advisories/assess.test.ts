import { expect, test } from 'vitest';
import { assessAdvisories, isOpen } from '../../../build/advisories/assess.ts';
import { parseDatabase } from '../../../build/advisories/parse.ts';
import type { AdvisoryPin } from '../../../build/advisories/pins.ts';
import { parseReviews } from '../../../build/advisories/reviews.ts';
import { formatVex } from '../../../build/advisories/vex.ts';
import { alpine } from '../../../build/base/alpine/base.ts';
import { debian } from '../../../build/base/debian/base.ts';
import type { LockedPackage } from '../../../build/contract/lock.ts';
import { locked, materials } from '../sbom/bill.ts';
import { schemaErrors } from '../sbom/schemas.ts';
import { SECDB, TRACKER } from './databases.ts';

const BASES = {
  debian: { suite: 'trixie', repositories: ['trixie', 'trixie-security'], data: TRACKER },
  alpine: { suite: 'v3.24', repositories: ['main'], data: SECDB },
} as const;

const COMPARE = { debian: debian.compareVersions, alpine: alpine.compareVersions };

interface Case {
  base?: keyof typeof BASES;
  suite?: string;
  repositories?: readonly string[];
  data?: object;
  reviews?: string;
  date?: string;
  asOf?: string;
}

function report(packages: readonly LockedPackage[], of: Case = {}) {
  const base = of.base ?? 'debian';
  const { suite, repositories, data, reviews = '', ...days } = { ...BASES[base], ...of };
  const { date = '2026-11-20', asOf = '2026-11-28' } = days;
  const pin: AdvisoryPin = { name: 'data.json', base, size: 1, sha256: 'ab'.repeat(32), date };
  const state = { suite, date: '2026-11-28T00:00:00.000Z', sha256: 'cd'.repeat(32) };
  return assessAdvisories({
    compareVersions: COMPARE[base],
    lock: {
      base,
      request: { packages: [], kernel: { virt: 'a', full: 'b' }, without: [], suite },
      repositories: Object.fromEntries(repositories.map((name) => [name, state])),
    },
    packages,
    databases: [{ pin, database: parseDatabase(JSON.stringify(data), 'data.json') }],
    reviews: parseReviews(reviews, 'x.vex.yaml'),
    asOf,
    maxAge: 30,
  });
}

const openssl = [
  locked('openssl', { version: '3.5.1-1' }),
  locked('libssl3t64', { version: '3.5.1-1', source: 'openssl' }),
];

function openIds(of: ReturnType<typeof report>): string[] {
  return of.findings.filter(isOpen).map(({ id }) => id);
}

test('an advisory is open if no version of Debian fixes it, or only one that is newer than the image’s', () => {
  const { findings } = report(openssl);
  expect(findings.filter(isOpen)).toMatchObject([
    { id: 'CVE-2026-1000', source: 'openssl', fixed: '3.5.1-1+deb13u1' },
    { id: 'CVE-2026-1001', state: 'open', urgency: 'low' },
  ]);
  const [first] = findings;
  expect(first?.packages.map(({ name }) => name)).toEqual(['libssl3t64', 'openssl']);
  const closed = findings.filter((one) => !isOpen(one)).map(({ id, state }) => [id, state]);
  expect(closed).toEqual([
    ['CVE-2026-1003', 'open'],
    ['CVE-2026-1004', 'undetermined'],
  ]);
});

test('an advisory is not open if the image has the fixed version', () => {
  const version = '3.5.1-1+deb13u1';
  expect(openIds(report([locked('openssl', { version })]))).toEqual(['CVE-2026-1001']);
});

test('a package is compared by the version of its source package, if that differs', () => {
  const dmsetup = locked('dmsetup', { version: '2:1.02.205-2', source: 'lvm2' });
  expect(openIds(report([{ ...dmsetup, sourceVersion: '2.03.31-2' }]))).toEqual(['CVE-2026-3000']);
  expect(openIds(report([{ ...dmsetup, sourceVersion: '2.03.32-1' }]))).toEqual([]);
});

test('a signed kernel is looked up as linux', () => {
  const kernel = locked('linux-image-6.12.118+deb13-amd64', {
    version: '6.12.118-1',
    source: 'linux-signed-amd64',
    sourceVersion: '6.12.118+1',
  });
  expect(openIds(report([kernel]))).toEqual(['CVE-2026-4000']);
});

test('Alpine’s database names source packages; an issue that was fixed twice counts as fixed from the second fix on', () => {
  const of = (version: string) =>
    openIds(report([locked('libssl3', { version, source: 'openssl' })], { base: 'alpine' }));
  expect(of('3.5.3-r1')).toEqual(['CVE-2026-1000', 'CVE-2026-1001', 'GHSA-aaaa-bbbb-1234']);
  expect(of('3.5.4-r0')).toEqual(['CVE-2026-1001']);
  expect(of('3.5.5-r0')).toEqual([]);
});

test('a version that Alpine wrote with a dot is compared, an invalid one is reported', () => {
  const { findings, malformed } = report([locked('util-linux', { version: '2.41-r1' })], {
    base: 'alpine',
  });
  expect(findings).toMatchObject([{ id: 'CVE-2026-2000', fixed: '2.41-r2' }]);
  expect(malformed).toEqual(['util-linux see upstream: CVE-2026-2001']);
  expect(report(openssl, { base: 'alpine' }).malformed).toEqual([]);
});

test.each([
  ['another release', { suite: 'forky' }, 'Debian forky: trixie, trixie-security'],
  [
    'fewer repositories',
    { base: 'alpine', repositories: ['main', 'community'] },
    'v3.24: community',
  ],
] as const)('databases about %s are refused', (_, of, message) => {
  expect(() => report(openssl, of)).toThrow(`there are no advisories for`);
  expect(() => report(openssl, of)).toThrow(message);
});

test.each([
  ['of the last weeks', '2026-11-01', '2026-11-28', undefined],
  ['of last year', '2025-11-20', '2026-11-28', 'it is 373 days old'],
  ['of the future', '2027-11-20', '2026-11-28', 'its date is 357 days ahead'],
  [
    'with a date of today, but nothing newer than last year',
    ...([
      '2027-03-01',
      '2027-03-02',
      'its newest entry is from 2026, whatever its date says',
    ] as const),
  ],
])('the age of a database %s is judged', (_, date, asOf, outdated) => {
  expect(report(openssl, { date, asOf }).data).toMatchObject([{ outdated, entries: 9 }]);
});

const REVIEWS = `
- id: CVE-2026-1001
  package: openssl
  state: not_affected
  justification: code_not_reachable
  reason: No program of the appliance speaks DTLS.
  date: 2026-11-01
  expires: 2027-02-01
  reviewer: A. Reviewer
- id: CVE-2026-1000
  package: openssl
  state: exploitable
  reason: The control plane is reachable, the update follows.
  date: 2026-11-01
  reviewer: A. Reviewer
`;

test('a review can close a finding, and one that confirms it leaves it open', () => {
  const of = report(openssl, { reviews: REVIEWS });
  expect(openIds(of)).toEqual(['CVE-2026-1000']);
  expect(of).toMatchObject({ expired: [], unknown: [] });
});

test('a review is valid until its expiry date, by default a year, and is reported afterwards', () => {
  const last = report(openssl, { reviews: REVIEWS, asOf: '2027-01-31' });
  expect(openIds(last)).toEqual(['CVE-2026-1000']);
  const day = report(openssl, { reviews: REVIEWS, asOf: '2027-02-01' });
  expect(openIds(day)).toEqual(['CVE-2026-1000', 'CVE-2026-1001']);
  expect(day.expired).toMatchObject([{ id: 'CVE-2026-1001' }]);
  expect(report(openssl, { reviews: REVIEWS, asOf: '2027-11-01' }).expired).toHaveLength(2);
});

test('a review without a matching finding is reported', () => {
  const reviews = REVIEWS.replaceAll('openssl', 'opensssl');
  expect(report(openssl, { reviews }).unknown).toHaveLength(2);
});

test('findings and reviews are valid CycloneDX 1.6, about packages of the bill', () => {
  const of = { ...materials, suite: 'trixie', packages: openssl };
  const { findings } = report(openssl, { reviews: REVIEWS });
  const text = formatVex(of, findings);
  expect(schemaErrors('cyclonedx', text)).toEqual([]);
  expect(formatVex(of, findings.toReversed())).toBe(text);
  const { vulnerabilities, components } = JSON.parse(text);
  expect(vulnerabilities).toHaveLength(4);
  const refs = components.map((one: { 'bom-ref': string }) => one['bom-ref']);
  for (const { affects } of vulnerabilities) {
    expect(affects).toHaveLength(2);
    for (const { ref } of affects) expect(refs).toContain(ref);
  }
  expect(vulnerabilities).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        id: 'CVE-2026-1001',
        source: {
          name: 'Debian',
          url: 'https://security-tracker.debian.org/tracker/CVE-2026-1001',
        },
        analysis: {
          state: 'not_affected',
          justification: 'code_not_reachable',
          detail:
            'No program of the appliance speaks DTLS. (A. Reviewer, 2026-11-01; to be looked at again on 2027-02-01)',
        },
      }),
      expect.objectContaining({
        id: 'CVE-2026-1000',
        recommendation: 'Update openssl to 3.5.1-1+deb13u1.',
      }),
    ]),
  );
});
