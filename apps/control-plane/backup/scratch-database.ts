import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { type Client, type ClientBase, DatabaseError } from 'pg';
import { messageOf } from '../../error.ts';
import { startChild } from '../../process/child.ts';
import { explainEnding } from '../../process/ending-error.ts';
import { type DatabaseAddress, openConnection } from '../database/connection.ts';
import { readLedger } from '../database/ledger.ts';
import { ControlPlaneError } from '../error.ts';
import type { Archive, Manifest } from './archive.ts';
import { countRows } from './count-rows.ts';
import { damaged } from './sealed-stream.ts';

/** A database that every server has; connections that create or drop databases use it. */
const MAINTENANCE = 'postgres';

/**
 * First key of the advisory lock that allows only one program at a time to restore next to a database; the second key
 * is the hash of the database's name.
 */
const LOCK = 730_591;

/** Milliseconds to wait for another verification or restore to end. */
const LOCK_TIMEOUT = 60_000;

/** Code of PostgreSQL (its appendix A) for a database with sessions. */
const OBJECT_IN_USE = '55006';

/** Returns the major version of the server, such as 15 or 18. */
export async function readMajorVersion(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ number: string }>(
    "SELECT current_setting('server_version_num') AS number",
  );
  return Math.floor(Number(rows[0]?.number) / 10_000);
}

/**
 * Connects to the server's maintenance database, and takes the lock for restoring next to a database. Removes the
 * scratch databases of interrupted programs. The lock ends with the connection.
 * @param address of the database to restore next to
 * @throws ControlPlaneError if the server does not answer, or another program holds the lock for a minute
 */
export async function openBeside(address: DatabaseAddress): Promise<Client> {
  const client = await openConnection({ ...address, database: MAINTENANCE });
  try {
    await client.query(`SET lock_timeout = ${LOCK_TIMEOUT}`);
    await client.query(`SELECT pg_advisory_lock(${LOCK}, hashtext($1))`, [address.database]);
    const { rows } = await client.query<{ name: string }>(
      `SELECT datname AS name FROM pg_database
       WHERE starts_with(datname, $1) AND substr(datname, length($1) + 1) ~ '^_scratch_[0-9a-f]{8}$'`,
      [address.database],
    );
    for (const { name } of rows) await dropDatabase(client, name);
    return client;
  } catch (cause) {
    await client.end();
    throw new ControlPlaneError({
      what: `no backup can be restored beside the database now: ${messageOf(cause)}`,
      where: `${address.socketFolder}, database ${address.database}`,
      fix: 'If another verification or restore is under way, wait for its end.',
      cause,
    });
  }
}

/** Terminates the control plane's own sessions in databases. Sessions of other accounts are left alone. */
export async function endSessions(client: Client, databases: readonly string[]): Promise<void> {
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = ANY ($1) AND usename = current_user AND pid <> pg_backend_pid()`,
    [databases],
  );
}

/**
 * Drops a database if it exists. Does not use FORCE, which fails while the server's autovacuum works there; without it,
 * PostgreSQL ends the autovacuum.
 * @throws ControlPlaneError if another account is connected to it
 */
export async function dropDatabase(client: Client, name: string): Promise<void> {
  await endSessions(client, [name]);
  try {
    await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(name)}`);
  } catch (cause) {
    if (!(cause instanceof DatabaseError) || cause.code !== OBJECT_IN_USE) throw cause;
    throw new ControlPlaneError({
      what: `an old database cannot be removed: ${cause.detail ?? cause.message}`,
      where: name,
      fix: 'End what is connected to it, for example psql.',
      cause,
    });
  }
}

/** A database that a backup was restored into. */
export interface Scratch {
  readonly address: DatabaseAddress;
}

/**
 * Restores a backup into a new database next to the present one, and compares it with the backup's manifest: the rows
 * of each table, and the migrations. Nothing else is changed.
 * @param beside from `openBeside`
 * @throws ControlPlaneError if the backup is damaged, comes from a newer PostgreSQL, or does not match its manifest;
 *   the new database is removed then
 */
export async function restoreBeside(
  beside: Client,
  address: DatabaseAddress,
  { manifest, dump }: Pick<Archive, 'manifest' | 'dump'>,
  signal: AbortSignal,
): Promise<Scratch> {
  const major = await readMajorVersion(beside);
  if (manifest.postgresql > major) {
    throw new ControlPlaneError({
      what: `the backup is of PostgreSQL ${manifest.postgresql}, and this machine has ${major}`,
      fix: 'Use an image with that version, or a newer one; a dump cannot be restored by an older version.',
    });
  }
  const database = `${address.database}_scratch_${randomBytes(4).toString('hex')}`;
  const scratch = { ...address, database };
  await beside.query(
    `CREATE DATABASE ${beside.escapeIdentifier(database)} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`,
  );
  try {
    await restoreDump(scratch, dump, signal);
    await compare(scratch, manifest);
    return { address: scratch };
  } catch (error) {
    await dropDatabase(beside, database);
    throw error;
  }
}

async function restoreDump(
  { socketFolder, user, database }: DatabaseAddress,
  dump: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const command = 'pg_restore';
  const args = [
    ...['--host', socketFolder, '--username', user, '--no-password', '--dbname', database],
    ...['--exit-on-error', '--single-transaction', '--no-owner'],
  ];
  const ending = new AbortController();
  const child = startChild({
    ...{ command, args, stdio: ['pipe', 'ignore', 'pipe'] },
    signal: AbortSignal.any([signal, ending.signal]),
  });
  const { stdin, stderr } = child.process;
  let words = '';
  stderr?.setEncoding('utf8').on('data', (piece: string) => {
    words = (words + piece).slice(-10_000);
  });
  // Reported below.
  child.ended.catch(() => undefined);
  try {
    await give(stdin, dump);
    const error = explainEnding(await child.ended, { command, args, stderr: words });
    if (error !== undefined) throw error;
  } catch (cause) {
    if (cause instanceof ControlPlaneError) throw cause;
    const what = `the dump in the backup cannot be restored: ${messageOf(cause)}`;
    throw new ControlPlaneError({ what, where: database, cause });
  } finally {
    // Nothing of a damaged dump is committed: its session is a single transaction, which ends here.
    ending.abort();
    await child.ended.catch(() => undefined);
  }
}

/**
 * Writes a stream to a program. Reads the stream to its end even if the program has ended or closed its input: only the
 * end shows that the stream is complete.
 */
async function give(stdin: Writable | null, content: AsyncIterable<Uint8Array>): Promise<void> {
  const closed = new AbortController();
  stdin?.once('error', () => closed.abort());
  stdin?.once('close', () => closed.abort());
  for await (const piece of content) {
    if (stdin === null || closed.signal.aborted || stdin.write(piece)) continue;
    await once(stdin, 'drain', { signal: closed.signal }).catch(() => undefined);
  }
  stdin?.end();
}

async function compare(scratch: DatabaseAddress, { counts, migrations }: Manifest): Promise<void> {
  const client = await openConnection(scratch);
  try {
    const ledger = (await readLedger(client)).map(({ version, name, upSha256, downSha256 }) => ({
      ...{ version, name, upSha256, downSha256 },
    }));
    if (JSON.stringify(ledger) !== JSON.stringify(migrations)) {
      throw damaged('its dump has other migrations than its manifest says');
    }
    const restored = await countRows(client);
    const tables = new Set([...Object.keys(counts), ...Object.keys(restored)]);
    for (const table of tables) {
      const [expected = 0, found = 0] = [counts[table], restored[table]];
      if (expected === found) continue;
      throw damaged(`${table} has ${found} rows, and had ${expected} when it was made`);
    }
  } finally {
    await client.end();
  }
}
