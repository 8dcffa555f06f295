import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Client, ClientBase } from 'pg';
import { messageOf } from '../../error.ts';
import { startChild } from '../../process/child.ts';
import { endingError } from '../../process/ending-error.ts';
import { type DatabaseAddress, openConnection } from '../database/connection.ts';
import { readLedger } from '../database/ledger.ts';
import { ControlPlaneError } from '../error.ts';
import type { Archive, Manifest } from './archive.ts';
import { countRows } from './count-rows.ts';
import { damaged } from './sealed-stream.ts';

/** The database that every server has: who works on databases is connected to this one. */
const MAINTENANCE = 'postgres';

/** Key of the advisory lock under which one program at a time restores beside a database; the second is its name's hash. */
const LOCK = 730_591;

/** Milliseconds that are waited for the end of another verification or restore. */
const LOCK_TIMEOUT = 60_000;

/** Major version of the server: 15, 18. */
export async function majorVersion(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ number: string }>(
    "SELECT current_setting('server_version_num') AS number",
  );
  return Math.floor(Number(rows[0]?.number) / 10_000);
}

/**
 * Connects to the server beside a database, as the only program that restores there. What others left that were cut off is
 * removed. The lock ends with the connection.
 * @throws ControlPlaneError if the server does not answer, or another one goes on for a minute
 */
export async function openBeside(address: DatabaseAddress): Promise<Client> {
  const client = await openConnection({ ...address, database: MAINTENANCE });
  try {
    await client.query(`SET lock_timeout = ${LOCK_TIMEOUT}`);
    await client.query(`SELECT pg_advisory_lock(${LOCK}, hashtext($1))`, [address.database]);
    const { rows } = await client.query<{ name: string }>(
      `SELECT datname AS name FROM pg_database WHERE datname ~ ('^' || $1 || '_scratch_[0-9a-f]{8}$')`,
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

/** Ends the control plane's own connections to databases. Those of a person are not its to end. */
export async function endSessions(client: Client, databases: readonly string[]): Promise<void> {
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = ANY ($1) AND usename = current_user AND pid <> pg_backend_pid()`,
    [databases],
  );
}

/**
 * Removes a database, if it is there. Not with FORCE: that is refused while the server's own vacuum works there, which is ended
 * without.
 */
export async function dropDatabase(client: Client, name: string): Promise<void> {
  await endSessions(client, [name]);
  await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(name)}`);
}

/** A database that a backup was restored into. */
export interface Scratch {
  readonly address: DatabaseAddress;
}

/**
 * Restores a backup into a new database beside the present one, and compares what is there with the backup's manifest: rows of
 * each table, and the migrations. Nothing else is changed.
 * @param beside from `openBeside`
 * @throws ControlPlaneError if the backup is damaged, is of a newer PostgreSQL, or is not what its manifest says; the new database
 *   is gone then
 */
export async function restoreBeside(
  beside: Client,
  address: DatabaseAddress,
  { manifest, dump }: Pick<Archive, 'manifest' | 'dump'>,
  signal: AbortSignal,
): Promise<Scratch> {
  const major = await majorVersion(beside);
  if (manifest.postgresql > major) {
    throw new ControlPlaneError({
      what: `the backup is of PostgreSQL ${manifest.postgresql}, and this machine has ${major}`,
      fix: 'Use an image with that version, or a newer one; a dump goes upwards only.',
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
  // Told below.
  child.ended.catch(() => undefined);
  try {
    await give(stdin, dump);
    const error = endingError(await child.ended, { command, args, stderr: words });
    if (error !== undefined) throw error;
  } catch (cause) {
    if (cause instanceof ControlPlaneError) throw cause;
    const what = `the dump in the backup cannot be restored: ${messageOf(cause)}`;
    throw new ControlPlaneError({ what, where: database, cause });
  } finally {
    // Of a dump that turned out to be damaged nothing is committed: its session is in one transaction, and ends.
    ending.abort();
    await child.ended.catch(() => undefined);
  }
}

/**
 * Hands a stream to a program. It is read to its end also where the program has ended, or wants no more: only at its end is it
 * known to be whole.
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
