import type { Client } from 'pg';
import { messageOf } from '../../error.ts';
import type { Logger } from '../../log/logger.ts';
import { ControlPlaneError } from '../error.ts';
import { type DatabaseAddress, openConnection } from './connection.ts';
import {
  ensureLedger,
  entryStatement,
  LEDGER_SCHEMA,
  type LedgerEntry,
  pendingMigrations,
  readLedger,
  removalStatement,
} from './ledger.ts';
import { type Migration, readMigrations } from './migration-files.ts';

/** Key of the advisory lock under which one program at a time migrates. */
const LOCK = 7_305_917_620_155_001;

/** What migrating needs. */
export interface MigrateRequest {
  readonly address: DatabaseAddress;
  /** Folder of the migrations. */
  readonly folder: string;
  /** Version of the program, for the ledger. */
  readonly programVersion: string;
  readonly log: Logger;
  /** Dumps the database before a schema that holds data is changed. @param version the schema's present version */
  readonly dump: (version: number) => Promise<void>;
}

/** How far the schema of a database is. */
export interface MigrationStatus {
  readonly applied: readonly LedgerEntry[];
  readonly pending: readonly Migration[];
}

/**
 * Says which migrations were applied and which are pending; changes nothing.
 * @throws NewerSchemaError, ControlPlaneError as `pendingMigrations` does
 */
export async function readMigrationStatus(
  request: Pick<MigrateRequest, 'address' | 'folder' | 'programVersion'>,
): Promise<MigrationStatus> {
  const migrations = await readMigrations(request.folder);
  const client = await openConnection(request.address);
  try {
    const applied = await readLedger(client);
    return { applied, pending: pendingMigrations(applied, migrations, request.programVersion) };
  } finally {
    await client.end();
  }
}

/**
 * Applies all pending migrations, each in a transaction of its own, while no other program migrates. A database that holds
 * data is dumped before.
 * @returns the migrations that were applied now
 * @throws NewerSchemaError if the database is of a newer program
 * @throws ControlPlaneError naming the migration that failed; nothing of it stays, what came before it does
 */
export async function migrateUp(request: MigrateRequest): Promise<Migration[]> {
  return await withLock(request, async (client, migrations) => {
    const applied = await readLedger(client);
    const pending = pendingMigrations(applied, migrations, request.programVersion);
    if (pending.length === 0) return [];
    if (applied.length > 0) await request.dump(applied.length);
    await run(client, { migrations, request, direction: 'up', count: pending.length });
    return pending;
  });
}

/**
 * Applies all pending migrations in one transaction and takes that back: what the database is and holds does not change.
 * So it is known beforehand that they go through, with what the database holds now.
 * @throws as `migrateUp` does
 */
export async function tryMigrations(request: Omit<MigrateRequest, 'dump'>): Promise<void> {
  const { address, folder, programVersion, log } = request;
  const migrations = await readMigrations(folder);
  const client = await openConnection(address);
  try {
    // Nothing is committed: ending the session takes back what it has begun.
    await client.query(`BEGIN; SELECT pg_advisory_xact_lock(${LOCK})`);
    await ensureLedger(client);
    const applied = await readLedger(client);
    for (const migration of pendingMigrations(applied, migrations, programVersion)) {
      log.info(`migration ${migration.name} (tried)`);
      try {
        await client.query(migration.up.sql);
        await client.query(entryStatement(migration, programVersion));
        // What a commit of this one would check.
        await client.query('SET CONSTRAINTS ALL IMMEDIATE');
      } catch (cause) {
        throw new ControlPlaneError({
          what: `migration ${migration.name} fails when it is tried: ${firstLineOf(cause)}`,
          where: folder,
          fix: 'The database was not changed: the version before can go on with it.',
          cause,
        });
      }
    }
  } finally {
    await client.end();
  }
}

/**
 * Takes back the newest migrations; what only they can hold is lost. The database is dumped before.
 * @param count how many, from 1
 * @returns the migrations that were taken back, the newest first
 */
export async function migrateDown(request: MigrateRequest, count: number): Promise<Migration[]> {
  return await withLock(request, async (client, migrations) => {
    const applied = await readLedger(client);
    pendingMigrations(applied, migrations, request.programVersion);
    if (count > applied.length) {
      throw new ControlPlaneError({
        what: `${count} migrations cannot be taken back, ${applied.length} were applied`,
      });
    }
    await request.dump(applied.length);
    await run(client, { migrations, request, direction: 'down', count });
    return migrations.slice(applied.length - count, applied.length).reverse();
  });
}

/** Works on a connection of its own, which is closed afterwards: a failed migration leaves its session unusable. */
async function withLock<T>(
  { address, folder }: MigrateRequest,
  work: (client: Client, migrations: Migration[]) => Promise<T>,
): Promise<T> {
  const migrations = await readMigrations(folder);
  const client = await openConnection(address);
  try {
    await client.query(`SELECT pg_advisory_lock(${LOCK})`);
    await ensureLedger(client);
    return await work(client, migrations);
  } finally {
    // The lock ends with the session.
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
  // Loaded when there is something to migrate: most starts and commands only ask whether there is.
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
      // The lock is held already, by the same session.
      noLock: true,
      logger: { debug: ignored, info: ignored, warn: ignored, error: ignored },
      migrationLoaderStrategies: [{ extensions: ['.sql'], loader: async () => units() }],
    });
  } catch (cause) {
    throw new ControlPlaneError({
      what: `migration ${current} failed (${direction}): ${firstLineOf(cause)}`,
      where: folder,
      fix: 'Nothing of it was kept. The dump that was made before is in the backup folder.',
      cause,
    });
  }

  /** The migrations as node-pg-migrate runs them, from the bytes whose hashes the ledger gets. */
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
          builder.sql(entryStatement(migration, programVersion));
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
