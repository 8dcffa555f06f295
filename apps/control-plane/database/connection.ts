import { Client, type ClientConfig, type CustomTypesConfig, Pool } from 'pg';
import { messageOf } from '../../error.ts';
import type { Logger } from '../../log/logger.ts';
import { ControlPlaneError } from '../error.ts';

/** Where the database is. */
export interface DatabaseAddress {
  /** Folder of PostgreSQL's Unix socket. The server knows who connects by the account of the process (peer). */
  readonly socketFolder: string;
  readonly database: string;
  readonly user: string;
}

/** The database of an appliance. */
export const DATABASE: DatabaseAddress = {
  socketFolder: '/run/postgresql',
  database: 'quantix_vdc',
  user: 'quantix',
};

/** How many connections a pool has. */
export interface PoolSize {
  /** Connections at most. */
  readonly open: number;
  /** Connections that stay when nobody needs them. */
  readonly idle: number;
}

export const POOL_SIZE: PoolSize = { open: 50, idle: 10 };

/** Milliseconds that are waited for a connection, and after which one beyond the idle ones is closed. */
const CONNECT_WITHIN = 10_000;
const IDLE_TIMEOUT = 30_000;

/** Milliseconds that one statement may take, and that it may wait for a lock. */
const STATEMENT_TIMEOUT = 15_000;
const LOCK_TIMEOUT = 5_000;

/**
 * Makes the pool that the program's own work goes through. A connection that is lost while idle is logged and replaced.
 * @param types how values of PostgreSQL become values of JavaScript
 */
export function createPool(
  address: DatabaseAddress,
  size: PoolSize,
  log: Logger,
  types: CustomTypesConfig,
): Pool {
  const pool = new Pool({
    ...clientConfig(address),
    types,
    max: size.open,
    min: size.idle,
    idleTimeoutMillis: IDLE_TIMEOUT,
    statement_timeout: STATEMENT_TIMEOUT,
    lock_timeout: LOCK_TIMEOUT,
  });
  pool.on('error', (error) => log.warning(`a connection to PostgreSQL was lost: ${error.message}`));
  return pool;
}

/**
 * Opens a connection outside of the pool, without time limits, for what takes long or leaves a session in a state that
 * nobody should inherit.
 * @throws ControlPlaneError if the server does not answer or refuses
 */
export async function openConnection(address: DatabaseAddress): Promise<Client> {
  const client = new Client(clientConfig(address));
  // Told to whoever runs a statement; a loss in between is noticed by the next one.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (cause) {
    await client.end();
    throw unreachable(address, cause);
  }
}

function clientConfig({ socketFolder, database, user }: DatabaseAddress): ClientConfig {
  return {
    host: socketFolder,
    database,
    user,
    application_name: 'qx-controlplane',
    connectionTimeoutMillis: CONNECT_WITHIN,
  };
}

function unreachable({ socketFolder, database, user }: DatabaseAddress, cause: unknown) {
  return new ControlPlaneError({
    what: `PostgreSQL cannot be reached: ${messageOf(cause)}`,
    where: `${socketFolder}, database ${database}, user ${user}`,
    fix: 'rc-service postgresql status tells how the server fares; its log says why.',
    cause,
  });
}
