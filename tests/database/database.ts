import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { sql } from 'kysely';
import { Client } from 'pg';
import { inject } from 'vitest';
import type { DatabaseAddress, PoolSize } from '../../apps/control-plane/database/connection.ts';
import {
  type Database,
  type Executor,
  openDatabase,
} from '../../apps/control-plane/database/database.ts';
import type { Logger } from '../../apps/log/logger.ts';

/** The migrations of the image. */
export const MIGRATIONS = resolve(
  import.meta.dirname,
  '../../overlay/qvdc/usr/share/quantix-vdc/migrations',
);

/** The migrations of the image: the ten of the first version, and those that were added since. */
export const MIGRATION_NAMES = [
  '000001_initial_schema',
  '000002_admin_tables',
  '000003_storage_pool_extended',
  '000004_volume_extended',
  '000005_pool_host_statuses',
  '000006_folders',
  '000007_customization_specs',
  '000008_ipam',
  '000009_storage_pool_origin',
  '000010_state_reconciliation',
  '000011_events',
  '000012_people',
  '000013_people_certificate',
  '000014_audit_log_anchor',
  '000015_certificate_order',
];

/** Template: the migrated database that tests copy. */
export const TEMPLATE = 'quantix_template';

const ignore = () => undefined;
export const SILENT: Logger = { error: ignore, warning: ignore, info: ignore, debug: ignore };

export function addressOf(socketFolder: string, database: string): DatabaseAddress {
  return { socketFolder, database, user: 'quantix' };
}

/** Connects as PostgreSQL's superuser for as long as the work takes. */
export async function withSuperuser<T>(
  socketFolder: string,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({ host: socketFolder, user: 'postgres', database: 'postgres' });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** A database for one test, which is removed at the end. */
export interface TestDatabase extends AsyncDisposable {
  readonly address: DatabaseAddress;
}

/** Makes a database: empty, or a copy of the migrated one. */
export async function makeDatabase(content: 'empty' | 'migrated'): Promise<TestDatabase> {
  const socketFolder = inject('socketFolder');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const template = content === 'empty' ? 'template0' : TEMPLATE;
  await withSuperuser(socketFolder, (client) =>
    client.query(`CREATE DATABASE ${name} OWNER quantix TEMPLATE ${template}`),
  );
  return {
    address: addressOf(socketFolder, name),
    [Symbol.asyncDispose]: async () => {
      await withSuperuser(socketFolder, (client) => client.query(`DROP DATABASE ${name} (FORCE)`));
    },
  };
}

/** Counts the transactions of a database that wait for locks. */
export async function countWaiting(db: Executor): Promise<number | undefined> {
  const { rows } = await sql<{ waiting: number }>`
    SELECT count(*)::int AS waiting FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`.execute(db);
  return rows[0]?.waiting;
}

/** A migrated database for one test, opened as the program opens it. */
export interface OpenTestDatabase extends AsyncDisposable {
  readonly database: Database;
  readonly address: DatabaseAddress;
}

export async function openTestDatabase(
  size: PoolSize = { open: 10, idle: 0 },
): Promise<OpenTestDatabase> {
  const made = await makeDatabase('migrated');
  const database = openDatabase(made.address, size, SILENT);
  return {
    database,
    address: made.address,
    [Symbol.asyncDispose]: async () => {
      await database.close();
      await made[Symbol.asyncDispose]();
    },
  };
}
