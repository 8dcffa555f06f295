import { z } from 'zod';
import { type Advisory, type AdvisoryDatabase, findNewestYear, WORD } from './database.ts';

const releaseSchema = z.object({
  status: z.enum(['open', 'resolved', 'undetermined']),
  /** Only if the status is `resolved`; `0` if the package never had the vulnerability. */
  fixed_version: z.string().regex(WORD).optional(),
  urgency: z
    .string()
    .regex(/^[^\p{Cc}]{0,100}$/u)
    .optional(),
});

/** The JSON of Debian's security tracker: source package → vulnerability → releases. */
const trackerSchema = z.record(
  z.string().regex(WORD),
  z.record(
    z.string().regex(WORD),
    z.object({ releases: z.record(z.string().regex(WORD), releaseSchema) }),
  ),
);

/**
 * Parses the database of Debian's security tracker, which covers all releases.
 * @throws ZodError if it is in another format
 */
export function parseTracker(json: unknown): AdvisoryDatabase {
  const packages = new Map(Object.entries(trackerSchema.parse(json)));
  const vulnerabilities = [...packages.values()].flatMap((of) => Object.entries(of));
  const suites = vulnerabilities.flatMap(([, { releases }]) => Object.keys(releases));
  return {
    base: 'debian',
    suites: new Set(suites),
    entries: vulnerabilities.length,
    newestYear: findNewestYear(vulnerabilities.map(([id]) => id)),
    malformed: [],
    find: (suite, source) =>
      Object.entries(packages.get(source) ?? {})
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .flatMap(([id, { releases }]) => {
          const release = new Map(Object.entries(releases)).get(suite);
          return release === undefined ? [] : [advisoryOf(id, release)];
        }),
  };
}

function advisoryOf(id: string, release: z.infer<typeof releaseSchema>): Advisory {
  const { status, fixed_version: fixed, urgency } = release;
  const rating = urgency === undefined || urgency === 'not yet assigned' ? {} : { urgency };
  if (status !== 'resolved') return { id, state: status, ...rating };
  // Resolved without a version: the package never had the vulnerability in this release.
  return { id, state: 'fixed', fixed: fixed ?? '0', ...rating };
}
