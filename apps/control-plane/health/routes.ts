import { EXPOSITION_TYPE, exposition, type Metric } from '../../http/exposition.ts';
import { json, type Route } from '../../http/route.ts';
import type { ServiceHealth } from './probes.ts';

/** What the routes tell of. */
export interface HealthFacts {
  readonly version: string;
  /** Why the program cannot serve, for people; undefined if it can. */
  readonly problem: string | undefined;
  /** Version of the database's schema; undefined while it is not known. */
  readonly schemaVersion: number | undefined;
  readonly services: readonly ServiceHealth[];
  /** Whether what is kept outlives a restart: there is a data disk. Undefined while it is not known. */
  readonly persistent: boolean | undefined;
  /** Connections to the database. */
  readonly pool: { total: number; idle: number; waiting: number };
}

/** `/healthz`: the program lives. `/readyz`: it can serve. `/metrics`: Prometheus' text format. */
export function healthRoutes(facts: () => Promise<HealthFacts>): Route[] {
  return [
    { method: 'GET', path: '/healthz', answer: async () => json({ status: 'ok' }) },
    {
      method: 'GET',
      path: '/readyz',
      answer: async () => {
        const { pool: _pool, ...told } = await facts();
        const isReady = told.problem === undefined && isServing(told.services);
        return json({ ready: isReady, ...told }, isReady ? 200 : 503);
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      answer: async () => ({
        status: 200,
        type: EXPOSITION_TYPE,
        body: exposition(metrics(await facts())),
      }),
    },
  ];
}

/** PostgreSQL is the one service without which nothing works; without the others everything works, slower. */
function isServing(services: readonly ServiceHealth[]): boolean {
  return services.some(({ name, state }) => name === 'postgresql' && state === 'ok');
}

function metrics({ version, schemaVersion, services, persistent, pool }: HealthFacts): Metric[] {
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
      'quantix_controlplane_service_up',
      'Whether a service answered when it was asked last.',
      known.map(({ name, state }) => ({
        labels: { service: name },
        value: state === 'ok' ? 1 : 0,
      })),
    ),
    gauge(
      'quantix_controlplane_persistent',
      'Whether what is kept outlives a restart.',
      persistent === undefined ? [] : [{ value: persistent ? 1 : 0 }],
    ),
    gauge('quantix_controlplane_database_connections', 'Connections by state.', connections),
    gauge('quantix_controlplane_resident_bytes', 'Memory of the program.', [
      { value: process.memoryUsage.rss() },
    ]),
  ];
}
