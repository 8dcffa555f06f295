import { type Client, DatabaseError } from 'pg';
import { messageOf } from '../../error.ts';
import type { Logger } from '../../log/logger.ts';
import { ControlPlaneError } from '../error.ts';
import { type DatabaseAddress, openConnection } from './connection.ts';
import {
  ensureLedger,
  formatEntryStatement,
  LEDGER_SCHEMA,
  type LedgerEntry,
  listPendingMigrations,
  readLedger,
  removalStatement,
} from './ledger.ts';
import { type Migration, readMigrations } from './migration-files.ts';
import { isUnavailable } from './refusal.ts';

/** Key of the advisory lock that allows only one program at a time to migrate. */
const LOCK = 7_305_917_620_155_001;

/** Settings of a migration. */
export interface MigrateRequest {
  readonly address: DatabaseAddress;
  /** Folder of the migrations. */
  readonly folder: string;
  /** Version of the program, for the ledger. */
  readonly programVersion: string;
  readonly log: Logger;
  /** Dumps the database before its schema is changed, if it holds data. @param version the schema's present version */
  readonly dump: (version: number) => Promise<void>;
}

/** The state of a database's schema. */
export interface MigrationStatus {
  readonly applied: readonly LedgerEntry[];
  readonly pending: readonly Migration[];
}

/**
 * Returns the applied and the pending migrations; changes nothing.
 * @throws NewerSchemaError, ControlPlaneError as `listPendingMigrations` does
 */
export async function readMigrationStatus(
  request: Pick<MigrateRequest, 'address' | 'folder' | 'programVersion'>,
): Promise<MigrationStatus> {
  const migrations = await readMigrations(request.folder);
  return await withConnection(request.address, async (client) => {
    const applied = await readLedger(client);
    return { applied, pending: listPendingMigrations(applied, migrations, request.programVersion) };
  });
}

/**
 * Applies all pending migrations, each in its own transaction, under a lock. A database that holds data is dumped
 * first.
 * @returns the migrations that were applied
 * @throws NewerSchemaError if a newer program migrated the database
 * @throws ControlPlaneError naming the migration that failed; it is rolled back, those before it stay applied
 */
export async function migrateUp(request: MigrateRequest): Promise<Migration[]> {
  return await withLock(request, async (client, migrations) => {
    const applied = await readLedger(client);
    const pending = listPendingMigrations(applied, migrations, request.programVersion);
    if (pending.length === 0) return [];
    if (applied.length > 0) await request.dump(applied.length);
    await run(client, { migrations, request, direction: 'up', count: pending.length });
    return pending;
  });
}

/**
 * Applies all pending migrations in one transaction and rolls it back: schema and data do not change. This shows in
 * advance whether they succeed with the present data.
 * @throws as `migrateUp` does
 */
export async function tryMigrations(request: Omit<MigrateRequest, 'dump'>): Promise<void> {
  const { address, folder, programVersion, log } = request;
  const migrations = await readMigrations(folder);
  await withConnection(address, async (client) => {
    // Nothing is committed: the transaction is rolled back when the session ends.
    await client.query(`BEGIN; SELECT pg_advisory_xact_lock(${LOCK})`);
    await ensureLedger(client);
    const applied = await readLedger(client);
    for (const migration of listPendingMigrations(applied, migrations, programVersion)) {
      log.info(`migration ${migration.name} (tried)`);
      try {
        await client.query(migration.up.sql);
        await client.query(formatEntryStatement(migration, programVersion));
        // Check the deferred constraints that a commit would check.
        await client.query('SET CONSTRAINTS ALL IMMEDIATE');
      } catch (cause) {
        throw new ControlPlaneError({
          what: `migration ${migration.name} fails when it is tried: ${firstLineOf(cause)}`,
          where: folder,
          fix: 'The database was not changed: the previous version can continue to use it.',
          cause,
        });
      }
    }
  });
}

/**
 * Reverts the newest migrations; data in tables and columns that they added is lost. The database is dumped first.
 * @param count how many, at least 1
 * @returns the reverted migrations, newest first
 */
export async function migrateDown(request: MigrateRequest, count: number): Promise<Migration[]> {
  return await withLock(request, async (client, migrations) => {
    const applied = await readLedger(client);
    listPendingMigrations(applied, migrations, request.programVersion);
    if (count > applied.length) {
      throw new ControlPlaneError({
        what: `${count} migrations cannot be reverted: only ${applied.length} were applied`,
      });
    }
    await request.dump(applied.length);
    await run(client, { migrations, request, direction: 'down', count });
    return migrations.slice(applied.length - count, applied.length).reverse();
  });
}

/**
 * Runs work under the lock, on a connection of its own, which is closed afterwards: a failed migration leaves its
 * session unusable.
 */
async function withLock<T>(
  { address, folder }: MigrateRequest,
  work: (client: Client, migrations: Migration[]) => Promise<T>,
): Promise<T> {
  const migrations = await readMigrations(folder);
  return await withConnection(address, async (client) => {
    // The lock ends with the session.
    await client.query(`SELECT pg_advisory_lock(${LOCK})`);
    await ensureLedger(client);
    return await work(client, migrations);
  });
}

/**
 * Runs work on a connection of its own, and closes it.
 * @throws ControlPlaneError if PostgreSQL cannot be reached, or ends the connection or fails during the work
 */
async function withConnection<T>(
  address: DatabaseAddress,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = await openConnection(address);
  try {
    return await work(client);
  } catch (cause) {
    if (!(cause instanceof DatabaseError) && !isUnavailable(cause)) throw cause;
    throw new ControlPlaneError({
      what: `the state of the schema cannot be read or changed: ${firstLineOf(cause)}`,
      where: `${address.socketFolder}, database ${address.database}`,
      fix: 'rc-service postgresql status shows its state; its log says why.',
      cause,
    });
  } finally {
    await client.end();
  }
}

interface Run {
  migrations: readonly Migration[];
  request: MigrateRequest;
  direction: 'up' | 'down';
  count: number;
}

async function run(client: Client, { migrations, request, direction, count }: Run): Promise<void> {
  const { folder, programVersion, log } = request;
  let current = '';
  const ignored = () => undefined;
  // Loaded only if there is something to migrate: most starts and commands only check.
  const { runner } = await import('node-pg-migrate');
  try {
    await runner({
      dbClient: client,
      dir: folder,
      direction,
      count,
      migrationsTable: 'pgmigrations',
      migrationsSchema: LEDGER_SCHEMA,
      singleTransaction: false,
      checkOrder: true,
      // This session already holds the lock.
      noLock: true,
      logger: { debug: ignored, info: ignored, warn: ignored, error: ignored },
      migrationLoaderStrategies: [{ extensions: ['.sql'], loader: async () => units() }],
    });
  } catch (cause) {
    throw new ControlPlaneError({
      what: `${current === '' ? 'the first migration' : `migration ${current}`} failed (${direction}): ${firstLineOf(cause)}`,
      where: folder,
      fix: 'Nothing of it was kept. The dump that was made before is in the backup folder.',
      cause,
    });
  }

  /** Returns the migrations in node-pg-migrate's form, from the bytes that the ledger's hashes cover. */
  function units() {
    const begin = (migration: Migration) => {
      current = migration.name;
      log.info(`migration ${migration.name} (${direction})`);
    };
    return migrations.map((migration) => ({
      id: `${migration.name}.sql`,
      filePaths: [migration.up.path, migration.down.path],
      actions: {
        up: (builder: { sql: (statement: string) => void }) => {
          begin(migration);
          builder.sql(migration.up.sql);
          builder.sql(formatEntryStatement(migration, programVersion));
        },
        down: (builder: { sql: (statement: string) => void }) => {
          begin(migration);
          builder.sql(migration.down.sql);
          builder.sql(removalStatement(migration));
        },
      },
    }));
  }
}

function firstLineOf(cause: unknown): string {
  const message = messageOf(cause);
  return message.split('\n')[0] ?? message;
}
