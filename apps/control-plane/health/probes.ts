import { get } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { sql } from 'kysely';
import { messageOf } from '../../error.ts';
import type { Config } from '../config.ts';
import type { Database } from '../database/database.ts';

/** The state of a service: it answered, it did not, or it was not asked yet. */
export type ServiceState = 'ok' | 'failed' | 'unknown';

/** The result of a probe of a service. */
export interface ServiceHealth {
  readonly name: 'postgresql' | 'etcd' | 'redis';
  readonly state: ServiceState;
  /** Why it failed, for people; empty if it did not fail. */
  readonly problem: string;
  /** Time of the probe; undefined if it was not probed yet. */
  readonly askedAt: Date | undefined;
}

/** The services before they are probed. */
export const UNASKED: readonly ServiceHealth[] = (['postgresql', 'etcd', 'redis'] as const).map(
  (name) => ({ name, state: 'unknown', problem: '', askedAt: undefined }),
);

/** Milliseconds within which a service must answer by default. */
const PATIENCE = 10_000;

/** Options of a probe. */
export interface Asking {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds within which the service must answer. */
  readonly within?: number;
}

/** Probes a service once. @throws any error, with a message for people, if it does not answer as it should */
export type Probe = (signal: AbortSignal) => Promise<void>;

/** Creates a probe that reads PostgreSQL's catalog, which works with any schema. */
export function probePostgresql({ db }: Database): Probe {
  return async () => {
    await sql`SELECT to_regclass('migrations.ledger')`.execute(db);
  };
}

/** Creates a probe of etcd's HTTP endpoint `/health`, which also checks that etcd can commit. */
export function probeEtcd(address: string): Probe {
  return (signal) =>
    new Promise<void>((resolve, reject) => {
      // Not `fetch`: loading it takes longer than the rest of a command.
      const asked = get(new URL('/health', address), { signal, agent: false }, async (answer) => {
        try {
          const body = await text(answer);
          if (answer.statusCode === 200 && /"health"\s*:\s*"true"/.test(body)) resolve();
          else reject(new Error(`etcd answers ${answer.statusCode}: ${body.slice(0, 200)}`));
        } catch (error) {
          reject(error);
        }
      });
      asked.once('error', reject);
    });
}

/** Creates a probe that sends a PING to Redis or Valkey (in their protocol, RESP) over a Unix socket. */
export function probeRedis(socket: string): Probe {
  return (signal) =>
    new Promise<void>((resolve, reject) => {
      const connection = connect(socket);
      const end = (act: () => void) => {
        signal.removeEventListener('abort', abort);
        connection.destroy();
        act();
      };
      const abort = () => end(() => reject(new Error('no answer in time')));
      signal.addEventListener('abort', abort, { once: true });
      connection.once('error', (error) => end(() => reject(error)));
      connection.once('close', () => end(() => reject(new Error('the connection was closed'))));
      connection.once('data', (bytes) => {
        const answer = bytes.toString('latin1');
        if (answer.startsWith('+PONG')) end(resolve);
        else
          end(() =>
            reject(new Error(`the answer to PING is ${JSON.stringify(answer.slice(0, 80))}`)),
          );
      });
      connection.write('PING\r\n');
    });
}

/** Probes a service, and returns the result within the time limit. */
export async function askService(
  name: ServiceHealth['name'],
  probe: Probe,
  { signal, within = PATIENCE }: Asking = {},
): Promise<ServiceHealth> {
  const limit = AbortSignal.timeout(within);
  const ending = signal === undefined ? limit : AbortSignal.any([limit, signal]);
  const outOfTime = new Promise<never>((_resolve, reject) => {
    ending.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true });
  });
  try {
    await Promise.race([probe(ending), outOfTime]);
    return { name, state: 'ok', problem: '', askedAt: new Date() };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const problem = messageOf(cause);
    return { name, state: 'failed', problem, askedAt: new Date() };
  }
}

/** Probes all services of a configuration once. */
export async function askServices(
  config: Config,
  database: Database,
  asking: Asking = {},
): Promise<ServiceHealth[]> {
  return await Promise.all([
    askService('postgresql', probePostgresql(database), asking),
    askService('etcd', probeEtcd(config.etcd.address), asking),
    askService('redis', probeRedis(config.redis.socket), asking),
  ]);
}
