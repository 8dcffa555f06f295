import { Client, type ClientConfig, type CustomTypesConfig, Pool } from 'pg';
import { messageOf } from '../../error.ts';
import type { Logger } from '../../log/logger.ts';
import { ControlPlaneError } from '../error.ts';

/** Where the database is, and how to connect. */
export interface DatabaseAddress {
  /** Folder of PostgreSQL's Unix socket. The server identifies a client by the account of its process (peer). */
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

/** The number of connections of a pool. */
export interface PoolSize {
  /** Maximum number of connections. */
  readonly open: number;
  /** Connections that stay open when idle. */
  readonly idle: number;
}

export const POOL_SIZE: PoolSize = { open: 50, idle: 10 };

/** Milliseconds to wait for a connection, and after which an idle connection beyond `PoolSize.idle` is closed. */
const CONNECT_WITHIN = 10_000;
const IDLE_TIMEOUT = 30_000;

/** Milliseconds that one statement may take, and that it may wait for a lock. */
const STATEMENT_TIMEOUT = 15_000;
const LOCK_TIMEOUT = 5_000;

/**
 * Creates the pool for the program's own work. A connection that is lost while idle is logged and replaced; one that is
 * lost in use fails its statement or transaction.
 * @param types parsers that turn PostgreSQL's values into JavaScript's
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
  // If a connection is lost between two statements of a transaction, the next one fails.
  pool.on('connect', (client) => client.on('error', () => undefined));
  pool.on('error', (error) => log.warning(`a connection to PostgreSQL was lost: ${error.message}`));
  return pool;
}

/**
 * Opens a connection outside of the pool, without time limits, for work that takes long or changes the state of its
 * session.
 * @throws ControlPlaneError if the server does not answer or refuses
 */
export async function openConnection(address: DatabaseAddress): Promise<Client> {
  const client = new Client(clientConfig(address));
  // A statement fails if the connection is lost. If it is lost between two statements, the next one fails.
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
    fix: 'rc-service postgresql status shows its state; its log says why.',
    cause,
  });
}
