import { ApiError } from '../../http/error.ts';
import { EXPOSITION_TYPE, formatExposition, type Metric } from '../../http/exposition.ts';
import { makeJsonAnswer, type Route } from '../../http/route.ts';
import type { AgedStanding } from '../coordination/election.ts';
import type { Database } from '../database/database.ts';
import { SilentDatabaseError } from '../database/patience.ts';
import type { Alert } from '../database/repositories/alerts.ts';
import type { CallTimes } from '../node-service/call-times.ts';
import type { ServiceHealth } from './probes.ts';

/** An open alert about the control plane itself. */
export type OpenAlert = Pick<Alert, 'severity' | 'title' | 'message' | 'createdAt'>;

/** What the routes report. */
export interface HealthFacts {
  readonly version: string;
  /** Why the program cannot serve, for people; undefined if it can. */
  readonly problem: string | undefined;
  /** Why it intentionally serves only its health, for people; undefined if it serves everything. */
  readonly limited: string | undefined;
  /** Version of the database's schema; undefined while it is unknown. */
  readonly schemaVersion: number | undefined;
  /** Who is the leader. */
  readonly leadership: AgedStanding;
  readonly services: readonly ServiceHealth[];
  readonly alerts: readonly OpenAlert[];
  /** Whether data survives a restart, which needs a data disk. Undefined while it is unknown. */
  readonly persistent: boolean | undefined;
  /** Connections to the database. */
  readonly pool: { total: number; idle: number; waiting: number };
  /** How long calls of hosts took, by method. */
  readonly calls: readonly CallTimes[];
}

/** The standing while there is no database for an election. */
export const NO_ELECTION: AgedStanding = {
  role: 'unknown',
  problem: 'the database is not ready yet',
  age: undefined,
  confirmedAgo: undefined,
};

/**
 * Creates the routes `/healthz`: the program is alive; `/readyz`: it can serve; `/metrics`: Prometheus' text format.
 */
export function createHealthRoutes(facts: () => Promise<HealthFacts>): Route[] {
  return [
    { method: 'GET', path: '/healthz', answer: async () => makeJsonAnswer({ status: 'ok' }) },
    {
      method: 'GET',
      path: '/readyz',
      answer: async () => {
        const { pool: _pool, calls: _calls, leadership, ...services } = await facts();
        const ready = isReady(services);
        return makeJsonAnswer(
          { ready, ...services, leadership: leadershipBody(leadership) },
          ready ? 200 : 503,
        );
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      answer: async () => ({
        status: 200,
        type: EXPOSITION_TYPE,
        body: formatMetrics(await facts()),
      }),
    },
  ];
}

/**
 * Makes routes refuse requests while only health is served.
 * @param limited returns why only health is served; undefined if everything is
 */
export function refuseWhileLimited(
  routes: readonly Route[],
  limited: () => string | undefined,
): Route[] {
  return routes.map((route) => ({
    ...route,
    answer: async (request, id) => {
      const reason = limited();
      if (reason !== undefined) throw new ApiError(503, reason);
      return await route.answer(request, id);
    },
  }));
}

/** Makes routes answer with status 503 if the database falls silent, instead of never. */
export function refuseWhileSilent(
  routes: readonly Route[],
  { whileItAnswers }: Pick<Database, 'whileItAnswers'>,
): Route[] {
  return routes.map((route) => ({
    ...route,
    answer: async (request, id) => {
      try {
        return await whileItAnswers(() => route.answer(request, id));
      } catch (error) {
        if (!(error instanceof SilentDatabaseError)) throw error;
        const { what, fix } = error;
        throw new ApiError(503, what, fix === undefined ? {} : { fix });
      }
    },
  }));
}

/** Formats a standing, with ages in seconds, rounded to tenths. */
function leadershipBody({ age, confirmedAgo, ...standing }: AgedStanding) {
  return { ...standing, seconds: seconds(age), confirmedSecondsAgo: seconds(confirmedAgo) };
}

function seconds(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : Math.round(milliseconds / 100) / 10;
}

/**
 * Whether the control plane can serve, or could if its version were confirmed. Only PostgreSQL is indispensable;
 * without the other services, everything works more slowly.
 */
export function isReady({ problem, services }: Pick<HealthFacts, 'problem' | 'services'>): boolean {
  return (
    problem === undefined &&
    services.some(({ name, state }) => name === 'postgresql' && state === 'ok')
  );
}

/** Describes why PostgreSQL does not answer; undefined if it does, or was not asked. */
export function describeFailure(services: HealthFacts['services']): string | undefined {
  const failed = services.find(({ name, state }) => name === 'postgresql' && state === 'failed');
  return failed === undefined ? undefined : `PostgreSQL does not answer: ${failed.problem}`;
}

/** Formats the facts in Prometheus' text format. */
export function formatMetrics(facts: HealthFacts): string {
  return formatExposition(metrics(facts));
}

function metrics({
  version,
  schemaVersion,
  leadership,
  services,
  persistent,
  pool,
  calls,
}: HealthFacts): Metric[] {
  const gauge = (name: string, help: string, samples: Metric['samples']): Metric => ({
    name,
    help,
    type: 'gauge',
    samples,
  });
  const known = services.filter(({ state }) => state !== 'unknown');
  const connections = Object.entries(pool).map(([state, value]) => ({
    labels: { state },
    value,
  }));
  return [
    gauge('quantix_controlplane_info', 'The program.', [{ labels: { version }, value: 1 }]),
    gauge(
      'quantix_controlplane_schema_version',
      'Version of the database schema.',
      schemaVersion === undefined ? [] : [{ value: schemaVersion }],
    ),
    gauge(
      'quantix_controlplane_leadership',
      '1 for the role of this program: leader, follower, or unknown if etcd does not answer.',
      (['leader', 'follower', 'unknown'] as const).map((role) => ({
        labels: { role },
        value: role === leadership.role ? 1 : 0,
      })),
    ),
    gauge(
      'quantix_controlplane_leadership_age_seconds',
      'Seconds since the role changed, and since it was last confirmed.',
      [
        { labels: { since: 'change' }, value: seconds(leadership.age) },
        { labels: { since: 'confirmation' }, value: seconds(leadership.confirmedAgo) },
      ].flatMap(({ labels, value }) => (value === undefined ? [] : [{ labels, value }])),
    ),
    gauge(
      'quantix_controlplane_leader_epoch',
      'Epoch that this program leads with.',
      leadership.role === 'leader' ? [{ value: leadership.epoch }] : [],
    ),
    gauge(
      'quantix_controlplane_service_up',
      'Whether a service answered when it was asked last.',
      known.map(({ name, state }) => ({
        labels: { service: name },
        value: state === 'ok' ? 1 : 0,
      })),
    ),
    gauge(
      'quantix_controlplane_persistent',
      '1 if the data outlives a restart.',
      persistent === undefined ? [] : [{ value: persistent ? 1 : 0 }],
    ),
    gauge('quantix_controlplane_database_connections', 'Connections by state.', connections),
    {
      name: 'quantix_controlplane_call_seconds',
      help: 'Time from the request of a host to the end of the answer.',
      type: 'histogram',
      samples: calls.flatMap(samplesOf),
    },
    gauge('quantix_controlplane_resident_bytes', 'Memory of the program.', [
      { value: process.memoryUsage.rss() },
    ]),
  ];
}

function samplesOf({ method, counts, sum }: CallTimes): Metric['samples'] {
  return [
    ...counts.map(([limit, value]) => ({
      suffix: '_bucket',
      labels: { method, le: limit === Infinity ? '+Inf' : String(limit) },
      value,
    })),
    { suffix: '_sum', labels: { method }, value: sum },
    { suffix: '_count', labels: { method }, value: counts.at(-1)?.[1] ?? 0 },
  ];
}
