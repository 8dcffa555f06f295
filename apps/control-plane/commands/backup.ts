import type { ReadStream, Stats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { messageOf } from '../../error.ts';
import { asDiskError } from '../../files/disk-error.ts';
import { createLogger } from '../../log/logger.ts';
import { askLine } from '../../process/ask-line.ts';
import { askSecret } from '../../process/ask-secret.ts';
import { getErrorCode } from '../../process/code-of.ts';
import { openConfirmation } from '../../update/confirmation.ts';
import { VERSION } from '../../version.ts';
import { type Account, asAccount, findAccount, isRoot } from '../account.ts';
import { type Archive, openArchive } from '../backup/archive.ts';
import type { Counts } from '../backup/count-rows.ts';
import { backupName } from '../backup/keep.ts';
import { makeBackup, readBackupFiles } from '../backup/make-backup.ts';
import { expectLong, readPassphrase } from '../backup/passphrase.ts';
import { restoreBackup } from '../backup/restore.ts';
import { verifyBackup } from '../backup/verify.ts';
import { type Config, readConfig } from '../config.ts';
import { ControlPlaneError } from '../error.ts';
import { selectDatabaseAddress } from '../migrate-request.ts';
import { identifyRequester } from '../operator/client.ts';

/** Options of the backup commands. */
export interface BackupOptions {
  readonly configFile: string;
  readonly form: 'text' | 'json';
  /** A file whose first line is the passphrase; without it, the stored passphrase is used, or the operator is asked. */
  readonly passphraseFile: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Carries out `qx-controlplane backup [FILE]`.
 * @param given path of the file; by default it is in the folder of backups and named by the time
 * @returns the text to print
 */
export async function makeOne(
  given: string | undefined,
  { existing, ...options }: BackupOptions & { existing: 'keep' | 'replace' },
): Promise<string> {
  const { configFile, form, signal } = options;
  const config = await readConfig(configFile);
  const now = new Date();
  const file = resolve(given ?? join(config.backup.folder, backupName(now)));
  await expectFree(file, existing);
  const passphrase = await findPassphrase(config, options, askNewPassphrase);
  const files = await readBackupFiles(config.authority, configFile);
  const address = selectDatabaseAddress(config);
  const request = { ...files, address, passphrase, program: VERSION, now, signal };
  const counts = await makeBackup(file, { ...request, account: await accountOf(config) });
  if (form === 'json') return jsonOf({ file, counts });
  return `${file}: ${rowsOf(counts)}\nOnly a backup that was restored once is known to be good: qx-controlplane backup verify ${file}\n`;
}

/** Carries out `qx-controlplane backup verify FILE`. @returns the text to print */
export async function verifyOne(file: string, options: BackupOptions): Promise<string> {
  const { configFile, form, signal } = options;
  const config = await readConfig(configFile);
  const passphrase = await findPassphrase(config, options, askPassphrase);
  const own = { program: VERSION, migrations: config.database.migrations };
  return await withArchive(file, passphrase, async (archive) => {
    const address = selectDatabaseAddress(config);
    const account = await accountOf(config);
    await asAccount(account, () => verifyBackup(archive, { address, own, signal }));
    const { counts, madeAt, program } = archive.manifest;
    if (form === 'json') return jsonOf({ file, madeAt, program, counts });
    const tables = Object.entries(counts)
      .filter(([, rows]) => rows > 0)
      .map(([table, rows]) => `${String(rows).padStart(8)}  ${table}\n`);
    return `${tables.join('')}The backup of ${madeAt}, made by version ${program}, was restored into a scratch database, and is whole.\n`;
  });
}

/**
 * Carries out `qx-controlplane restore FILE`, which replaces the present state by a backup.
 * @returns the text to print
 */
export async function restoreOne(
  file: string,
  {
    configuration,
    isAgreed,
    ...options
  }: BackupOptions & { configuration: 'replace' | 'keep'; isAgreed: boolean },
): Promise<string> {
  const { configFile, form, signal } = options;
  await using confirmed = await openConfirmation();
  const config = await readConfig(configFile);
  const passphrase = await findPassphrase(config, options, askPassphrase);
  return await withArchive(file, passphrase, async (archive) => {
    const { madeAt } = archive.manifest;
    if (!isAgreed) await expectAgreement(madeAt);
    const log = createLogger({
      level: 'warning',
      write: (line) => process.stderr.write(`${line}\n`),
    });
    const counts = await restoreBackup({
      ...{ archive, config, configFile, configuration, confirmed, log, signal },
      ...{
        account: await accountOf(config),
        program: VERSION,
        by: identifyRequester(),
        now: new Date(),
      },
    });
    if (form === 'json') return jsonOf({ file, madeAt, counts });
    const { database } = config.database;
    return `The control plane is what it was at ${madeAt}: ${rowsOf(counts)}
Now: rc-service qx-controlplane start, and qx-controlplane nodes list. Join tokens are revoked, tasks are canceled.
The database before is kept as ${database}_before_restore until it is dropped, or the next restore.
`;
  });
}

/** @throws ControlPlaneError if there is something of this name that must not be replaced */
async function expectFree(file: string, existing: 'keep' | 'replace'): Promise<void> {
  let found: Stats | undefined;
  try {
    found = await stat(file);
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return;
    throw asDiskError(file, error);
  }
  if (!found.isFile()) {
    const what = found.isDirectory() ? 'this is a folder' : 'this is not an ordinary file';
    throw new ControlPlaneError({ what, where: file, fix: 'Name a new file for the backup.' });
  }
  if (existing === 'replace') return;
  throw new ControlPlaneError({
    what: 'there is a file of this name already',
    where: file,
    fix: 'Give another name, or --overwrite.',
  });
}

async function expectAgreement(madeAt: string): Promise<void> {
  const question = `All that happened after ${madeAt} is lost. Type "restore" to go on: `;
  if ((await askLine(question)) === 'restore') return;
  throw new ControlPlaneError({ what: 'nothing was restored', fix: '--yes asks no question.' });
}

/** Opens a backup for a piece of work, and closes it afterwards. Errors name the file. */
async function withArchive<T>(
  file: string,
  passphrase: string,
  work: (archive: Archive) => Promise<T>,
): Promise<T> {
  const handle = await open(file, 'r').catch((cause: unknown) => {
    const what = `the backup cannot be read: ${messageOf(cause)}`;
    throw new ControlPlaneError({ what, where: file, cause });
  });
  await using _ = handle;
  const content = handle.createReadStream({ autoClose: false });
  try {
    return await work(await openArchive(readPieces(content, file), passphrase));
  } finally {
    content.destroy();
  }
}

/** @throws DiskError if the file cannot be read, for example because it is a folder */
async function* readPieces(content: ReadStream, file: string): AsyncGenerator<Buffer, void, void> {
  try {
    yield* content;
  } catch (error) {
    throw asDiskError(file, error, 'read');
  }
}

async function findPassphrase(
  config: Config,
  { passphraseFile }: Pick<BackupOptions, 'passphraseFile'>,
  ask: () => Promise<string>,
): Promise<string> {
  const kept = await readPassphrase(passphraseFile ?? config.backup.passphrase);
  if (kept !== undefined) return kept;
  if (passphraseFile === undefined && process.stdin.isTTY) return await ask();
  throw new ControlPlaneError({
    what: 'there is no passphrase',
    where: passphraseFile ?? config.backup.passphrase,
    fix: 'Write it into that file, or name another one with --passphrase-file.',
  });
}

async function askPassphrase(): Promise<string> {
  return (await askSecret('Passphrase: ')) ?? '';
}

async function askNewPassphrase(): Promise<string> {
  const passphrase = expectLong(await askPassphrase());
  if ((await askSecret('The same again: ')) === passphrase) return passphrase;
  throw new ControlPlaneError({ what: 'the two passphrases differ' });
}

async function accountOf({ database }: Config): Promise<Account | undefined> {
  return isRoot() ? await findAccount(database.user) : undefined;
}

function rowsOf(counts: Counts): string {
  const rows = Object.values(counts).reduce((sum, one) => sum + one, 0);
  const { nodes = 0, virtual_machines: machines = 0, users = 0 } = counts;
  return `${nodes} hosts, ${machines} virtual machines, ${users} users; ${rows} rows in ${Object.keys(counts).length} tables.`;
}

function jsonOf(content: object): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}
