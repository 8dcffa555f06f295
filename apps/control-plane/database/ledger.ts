import type { ClientBase } from 'pg';
import { z } from 'zod';
import { ControlPlaneError } from '../error.ts';
import type { Migration } from './migration-files.ts';

/** Schema of the ledger and of node-pg-migrate's own table; dumps of `public` do not contain it. */
export const LEDGER_SCHEMA = 'migrations';

/** An applied migration. */
export interface LedgerEntry {
  readonly version: number;
  readonly name: string;
  /** SHA-256 of the files as they were applied, in lower case hex. */
  readonly upSha256: string;
  readonly downSha256: string;
  readonly appliedAt: Date;
  /** Duration in milliseconds. */
  readonly milliseconds: number;
  /** Version of the program that applied it. */
  readonly programVersion: string;
}

const rowSchema = z
  .object({
    version: z.int(),
    name: z.string(),
    up_sha256: z.string(),
    down_sha256: z.string(),
    applied_at: z.date(),
    milliseconds: z.number(),
    program_version: z.string(),
  })
  .transform(
    (row): LedgerEntry => ({
      version: row.version,
      name: row.name,
      upSha256: row.up_sha256,
      downSha256: row.down_sha256,
      appliedAt: row.applied_at,
      milliseconds: row.milliseconds,
      programVersion: row.program_version,
    }),
  );

/** Thrown if a newer program has migrated the database: this one must not use it. */
export class NewerSchemaError extends ControlPlaneError {
  /** Version of the database's schema, and the newest version that this program knows. */
  readonly schemaVersion: number;
  readonly knownVersion: number;

  constructor(newest: LedgerEntry, knownVersion: number, programVersion: string) {
    super({
      what: `the database has schema version ${newest.version}, made by qx-controlplane ${newest.programVersion}; this program is version ${programVersion} and knows schema versions up to ${knownVersion}`,
      fix: 'Start the newer image again, or restore a backup that this version made.',
    });
    this.schemaVersion = newest.version;
    this.knownVersion = knownVersion;
  }
}

/** Creates the ledger if it does not exist. */
export async function ensureLedger(client: ClientBase): Promise<void> {
  await client.query(`
    CREATE SCHEMA IF NOT EXISTS ${LEDGER_SCHEMA};
    CREATE TABLE IF NOT EXISTS ${LEDGER_SCHEMA}.ledger (
      version integer PRIMARY KEY,
      name text NOT NULL UNIQUE,
      up_sha256 text NOT NULL,
      down_sha256 text NOT NULL,
      applied_at timestamptz NOT NULL,
      milliseconds double precision NOT NULL,
      program_version text NOT NULL
    )`);
}

/** Reads the ledger, sorted by version; empty if it does not exist. */
export async function readLedger(client: ClientBase): Promise<LedgerEntry[]> {
  const { rows } = await client.query<{ found: boolean }>(
    `SELECT to_regclass('${LEDGER_SCHEMA}.ledger') IS NOT NULL AS found`,
  );
  if (rows[0]?.found !== true) return [];
  const ledger = await client.query(`SELECT * FROM ${LEDGER_SCHEMA}.ledger ORDER BY version`);
  return z.array(rowSchema).parse(ledger.rows);
}

/**
 * Returns the statement that records a migration; it runs in the migration's own transaction, so both are committed or
 * neither.
 */
export function formatEntryStatement(migration: Migration, programVersion: string): string {
  const { version, name, up, down } = migration;
  const values = [name, up.sha256, down.sha256, programVersion].map(quoted);
  return `INSERT INTO ${LEDGER_SCHEMA}.ledger
    (version, name, up_sha256, down_sha256, program_version, applied_at, milliseconds)
    VALUES (${version}, ${values.join(', ')}, now(),
      1000 * extract(epoch FROM clock_timestamp() - transaction_timestamp()));`;
}

/** Returns the statement that removes a migration from the ledger. */
export function removalStatement({ version }: Migration): string {
  return `DELETE FROM ${LEDGER_SCHEMA}.ledger WHERE version = ${version};`;
}

/**
 * Compares the applied migrations with those of the program.
 * @returns the pending migrations, in order
 * @throws NewerSchemaError if more were applied than the program knows
 * @throws ControlPlaneError if an applied migration differs from the program's
 */
export function listPendingMigrations(
  ledger: readonly LedgerEntry[],
  migrations: readonly Migration[],
  programVersion: string,
): Migration[] {
  const newest = ledger.at(-1);
  if (newest !== undefined && newest.version > migrations.length) {
    throw new NewerSchemaError(newest, migrations.length, programVersion);
  }
  for (const [index, entry] of ledger.entries()) {
    const migration = migrations[index];
    const changed =
      migration === undefined ||
      migration.version !== entry.version ||
      migration.name !== entry.name
        ? 'is not one of this program’s'
        : migration.up.sha256 !== entry.upSha256 || migration.down.sha256 !== entry.downSha256
          ? 'has changed since it was applied'
          : undefined;
    if (changed === undefined) continue;
    throw new ControlPlaneError({
      what: `migration ${entry.name} of the database ${changed}`,
      where: `applied by qx-controlplane ${entry.programVersion} at ${entry.appliedAt.toISOString()}`,
      fix: 'Start the image that made this database, or restore a backup.',
    });
  }
  return migrations.slice(ledger.length);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
