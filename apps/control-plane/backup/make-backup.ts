import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../../error.ts';
import { asDiskError } from '../../files/disk-error.ts';
import { readIfThere, syncFolder } from '../../files/durable-file.ts';
import { startChild } from '../../process/child.ts';
import { explainEnding } from '../../process/ending-error.ts';
import { type Account, asAccount } from '../account.ts';
import { type DatabaseAddress, openConnection } from '../database/connection.ts';
import { readLedger } from '../database/ledger.ts';
import { ControlPlaneError } from '../error.ts';
import { Authority } from '../trust/authority.ts';
import { type FileName, type Manifest, writeArchive } from './archive.ts';
import { countRows } from './count-rows.ts';
import { PRODUCT } from './keep.ts';
import { readMajorVersion } from './scratch-database.ts';

/** The files to back up with the database. */
export interface BackupFiles {
  readonly files: ReadonlyMap<FileName, Buffer>;
  /** Fingerprint of the certificate authority. */
  readonly authority: string;
}

/**
 * Reads the files to back up. Runs as root: other accounts may not read them.
 * @param authority path of the certificate authority
 * @param configuration path of the configuration, which may be missing
 * @throws ControlPlaneError if there is no certificate authority, or it cannot be read
 */
export async function readBackupFiles(
  authority: string,
  configuration: string,
): Promise<BackupFiles> {
  const read = async (file: string) => {
    try {
      return await readIfThere(file);
    } catch (cause) {
      throw new ControlPlaneError({ what: messageOf(cause), where: file, cause });
    }
  };
  const pem = await read(authority);
  if (pem === undefined) {
    throw new ControlPlaneError({
      what: 'there is no certificate authority yet, so there is nothing to back up',
      where: authority,
      fix: 'The first start of the service qx-controlplane makes it.',
    });
  }
  const text = await read(configuration);
  const files = new Map<FileName, Buffer>([['ca.pem', Buffer.from(pem)]]);
  if (text !== undefined) files.set('config.yaml', Buffer.from(text));
  return { files, authority: new Authority(pem, authority).fingerprint };
}

export interface BackupRequest extends BackupFiles {
  readonly address: DatabaseAddress;
  /** Account under which the control plane connects to PostgreSQL; undefined if this process runs under it. */
  readonly account: Account | undefined;
  readonly passphrase: string;
  /** Version of the program. */
  readonly program: string;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/**
 * Makes a backup. Only its owner may read the file, which gets its name once it is complete and on disk; an existing
 * file of that name is replaced. Counts and dump show the same snapshot, independent of concurrent writes.
 * @returns row counts of the backup
 * @throws ControlPlaneError if the database cannot be dumped
 * @throws DiskError if the file cannot be written
 */
export async function makeBackup(
  file: string,
  request: BackupRequest,
): Promise<Manifest['counts']> {
  const { address, account, files, authority, passphrase, program, now, signal } = request;
  const client = await asAccount(account, () => openConnection(address));
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const { rows } = await client.query<{ snapshot: string }>(
      'SELECT pg_export_snapshot() AS snapshot',
    );
    const migrations = (await readLedger(client)).map(
      ({ version, name, upSha256, downSha256 }) => ({ version, name, upSha256, downSha256 }),
    );
    if (migrations.length === 0) {
      throw new ControlPlaneError({
        what: 'the database holds nothing yet',
        where: address.database,
        fix: 'qx-controlplane doctor says what it waits for.',
      });
    }
    const counts = await countRows(client);
    const postgresql = await readMajorVersion(client);
    const versions = { product: PRODUCT, program, postgresql, migrations, authority };
    const manifest = { ...versions, counts, madeAt: now.toISOString() };
    const dump = dumpOf(address, { snapshot: rows[0]?.snapshot ?? '', account, signal });
    await writeWhole(file, writeArchive({ manifest, files, dump }, passphrase));
    return counts;
  } finally {
    await client.end();
  }
}

/**
 * Writes a file that only its owner can read. The file is complete or absent, also after a power failure.
 * @throws DiskError
 */
async function writeWhole(file: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = `${file}.${process.pid}.partial`;
  try {
    await rm(temporary, { force: true });
    await using handle = await open(temporary, 'wx', 0o600);
    for await (const piece of content) await handle.appendFile(piece);
    await handle.sync();
    await rename(temporary, file);
    await syncFolder(dirname(file));
  } catch (error) {
    await rm(temporary, { force: true });
    throw asDiskError(file, error);
  }
}

/** Yields a dump in pg_dump's custom format while it is made. */
async function* dumpOf(
  { socketFolder, user, database }: DatabaseAddress,
  {
    snapshot,
    account,
    signal,
  }: { snapshot: string; account: Account | undefined; signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const args = [
    ...['--host', socketFolder, '--username', user, '--no-password'],
    // Stronger compression costs more time than it saves.
    ...['--format=custom', '--compress=1', `--snapshot=${snapshot}`, database],
  ];
  const ending = new AbortController();
  const asked = { command: 'pg_dump', args, stdio: ['ignore', 'pipe', 'pipe'] } as const;
  const either = AbortSignal.any([signal, ending.signal]);
  const child = await asAccount(account, async () =>
    startChild({ ...asked, stdio: [...asked.stdio], signal: either }),
  );
  const { stdout, stderr } = child.process;
  let words = '';
  stderr?.setEncoding('utf8').on('data', (piece: string) => {
    words = (words + piece).slice(-10_000);
  });
  // Reported below; a program that cannot be started has no output.
  child.ended.catch(() => undefined);
  try {
    if (stdout !== null) yield* stdout;
    const error = explainEnding(await child.ended, { command: 'pg_dump', args, stderr: words });
    if (error !== undefined) throw error;
  } catch (cause) {
    throw new ControlPlaneError({
      what: `the database cannot be dumped: ${messageOf(cause)}`,
      where: database,
      cause,
    });
  } finally {
    // Reached also if the consumer stops reading.
    ending.abort();
  }
}
