import type { AdvisoryDatabase } from '../../build/advisories/database.ts';
import { parseDatabase } from '../../build/advisories/parse.ts';
import { parseReviews } from '../../build/advisories/reviews.ts';
import { SECDB, TRACKER } from '../unit/advisories/databases.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const DATABASES = [
  Buffer.from(JSON.stringify(SECDB)),
  Buffer.from(JSON.stringify(TRACKER)),
] as const;
const SUITES = ['trixie', 'v3.24'] as const;
const SOURCES = ['openssl', 'util-linux', 'lvm2', 'linux'] as const;

/** Databases of advisories: every accepted advisory can be printed on a terminal, and compared. */
export const advisories: Target = {
  name: 'advisories',
  once(random) {
    const bytes = mutate(random.pick(DATABASES), random);
    const database = parseDatabase(bytes.toString('utf8'), 'fuzz');
    for (const text of found(database)) {
      if (/\p{Cc}/u.test(text)) throw new Error(JSON.stringify(text));
    }
  },
};

function found(database: AdvisoryDatabase): string[] {
  const advisories = SUITES.flatMap((suite) =>
    SOURCES.flatMap((source) => database.find(suite, source)),
  );
  return [
    ...database.malformed,
    ...advisories.flatMap(({ id, fixed = '', urgency = '' }) => [id, fixed, urgency]),
  ];
}

const REVIEWS = Buffer.from(`- id: CVE-2026-1001
  package: openssl
  state: not_affected
  justification: code_not_reachable
  reason: &why "No program speaks DTLS."
  date: 2026-11-01
  expires: 2027-11-01
  reviewer: A. Reviewer
- {id: CVE-2026-1002, package: openssl, state: in_triage, reason: *why, date: 2026-11-01, reviewer: B}
`);

/** Files of reviews: an accepted review has an end date, and text that is safe on a terminal. */
export const reviews: Target = {
  name: 'reviews',
  once(random) {
    for (const review of parseReviews(mutate(REVIEWS, random).toString('utf8'), 'fuzz')) {
      if (!(review.expires > review.date)) throw new Error(`${review.date} ${review.expires}`);
      if (/\p{Cc}/u.test(Object.values(review).join(''))) throw new Error(JSON.stringify(review));
    }
  },
};
