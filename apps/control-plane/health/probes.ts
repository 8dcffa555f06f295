import { get } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { sql } from 'kysely';
import { messageOf } from '../../error.ts';
import type { Config } from '../config.ts';
import type { Database } from '../database/database.ts';

/** How a service fares: it answered, it did not, or nobody has asked yet. */
export type ServiceState = 'ok' | 'failed' | 'unknown';

/** What a probe of a service came to. */
export interface ServiceHealth {
  readonly name: 'postgresql' | 'etcd' | 'redis';
  readonly state: ServiceState;
  /** Why it failed, for people; empty if it did not. */
  readonly problem: string;
  /** When it was asked; undefined if it was not yet. */
  readonly askedAt: Date | undefined;
}

/** Milliseconds within which a service answers whoever asks it again and again. */
const PATIENCE = 10_000;

/** How a service is asked; everything is optional. */
export interface Asking {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that it has to answer. */
  readonly within?: number;
}

/** Asks a service once. @throws anything, with a message for people, if it does not answer as it should */
export type Probe = (signal: AbortSignal) => Promise<void>;

/** Asks PostgreSQL a question that it answers from its tables, whatever schema the database has. */
export function probePostgresql({ db }: Database): Probe {
  return async () => {
    await sql`SELECT to_regclass('migrations.ledger')`.execute(db);
  };
}

/** Asks etcd for its health (its HTTP endpoint `/health`), which includes that it can commit. */
export function probeEtcd(address: string): Probe {
  return (signal) =>
    new Promise<void>((resolve, reject) => {
      // Not by `fetch`: loading it takes longer than all the rest of a command.
      const asked = get(new URL('/health', address), { signal, agent: false }, async (answer) => {
        try {
          const told = await text(answer);
          if (answer.statusCode === 200 && /"health"\s*:\s*"true"/.test(told)) resolve();
          else reject(new Error(`etcd answers ${answer.statusCode}: ${told.slice(0, 200)}`));
        } catch (error) {
          reject(error);
        }
      });
      asked.once('error', reject);
    });
}

/** Sends Redis or Valkey a PING (RESP, its protocol) over its Unix socket. */
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

/** Asks a service, and says what it came to; takes no longer than its patience. */
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

/** Asks all services of a configuration, each once. */
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
