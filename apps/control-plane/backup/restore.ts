import type { Client } from 'pg';
import type { Logger } from '../../log/logger.ts';
import { type Account, asAccount } from '../account.ts';
import { type Config, parseConfig } from '../config.ts';
import { openDatabase } from '../database/database.ts';
import { listPendingMigrations } from '../database/ledger.ts';
import { migrateUp } from '../database/migrate.ts';
import { type Migration, readMigrations } from '../database/migration-files.ts';
import { ControlPlaneError } from '../error.ts';
import { type Confirmed, findReasonToHold } from '../held-migrations.ts';
import { selectDatabaseAddress } from '../migrate-request.ts';
import { isNewerVersion } from '../newer-version.ts';
import { Authority } from '../trust/authority.ts';
import type { Archive, Manifest } from './archive.ts';
import type { Counts } from './count-rows.ts';
import { beginGeneration } from './generation.ts';
import { PRODUCT } from './keep.ts';
import { dropDatabase, openBeside, restoreBeside } from './scratch-database.ts';
import { damaged } from './sealed-stream.ts';
import {
  beginRestore,
  finishSwitch,
  isSwitchOrdered,
  orderSwitch,
  removeUndecided,
  type SwitchFolders,
  switchFolders,
} from './switch.ts';

/** What to restore, and onto what. */
export interface RestoreRequest {
  readonly archive: Archive;
  readonly config: Config;
  readonly configFile: string;
  /** What to do with the present configuration. */
  readonly configuration: 'replace' | 'keep';
  /** Account under which the control plane connects to PostgreSQL; undefined if this process runs under it. */
  readonly account: Account | undefined;
  readonly confirmed: Confirmed;
  /** Version of the program. */
  readonly program: string;
  /** Who restores the backup, for the audit log. */
  readonly by: string;
  readonly now: Date;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Checks by a backup's manifest that this program can restore it.
 * @returns the migrations that the backup lacks
 * @throws ControlPlaneError if it belongs to another product or a newer version, or has other migrations
 */
export async function expectRestorable(
  { product, program, migrations }: Manifest,
  own: { readonly program: string; readonly migrations: string },
): Promise<Migration[]> {
  if (product !== PRODUCT) {
    throw new ControlPlaneError({ what: `this is a backup of ${product}, not of ${PRODUCT}` });
  }
  if (isNewerVersion(program, own.program)) {
    throw new ControlPlaneError({
      what: `the backup was made by version ${program}, and this is ${own.program}`,
      fix: 'Restore it with that version, or a newer one.',
    });
  }
  const applied = migrations.map((one) => ({
    ...{ ...one, appliedAt: new Date(0), milliseconds: 0, programVersion: program },
  }));
  return listPendingMigrations(applied, await readMigrations(own.migrations), own.program);
}

/**
 * Replaces the present database, certificate authority and configuration by those of a backup. The new ones are
 * prepared and checked before anything is replaced; an interruption at any point leaves either the old or the new
 * state. The old state is kept: the database as `<name>_before_restore`, the files in `before-restore`.
 * @returns number of rows of each table
 * @throws ControlPlaneError if the backup cannot be restored, or the control plane is running; nothing has changed then
 */
export async function restoreBackup(request: RestoreRequest): Promise<Counts> {
  const { archive, config, configFile, account, confirmed, program, by, now, log, signal } =
    request;
  const { manifest } = archive;
  const own = { program, migrations: config.database.migrations };
  const lacking = await expectRestorable(manifest, own);
  const what = await findReasonToHold(lacking, confirmed);
  if (what !== undefined) throw new ControlPlaneError({ what });
  const files = await newFiles(request);
  const present = selectDatabaseAddress(config);
  const restored = { ...present, database: `${present.database}_restored` };
  const before = `${present.database}_before_restore`;
  const folders = switchFolders(configFile);
  const beside = await asAccount(account, () => openBeside(present));
  const unneeded = [restored.database];
  try {
    await finishSwitch(folders, beside);
    await expectStopped(beside, present.database);
    await expectUnused(beside, before);
    // An interrupted restore leaves this database if it had not decided to use it.
    await dropDatabase(beside, restored.database);
    await beginRestore(folders);
    await asAccount(account, async () => {
      const scratch = await restoreBeside(beside, present, archive, signal);
      const { address } = scratch;
      unneeded.push(address.database);
      if (lacking.length > 0) {
        const { folder, dump } = { folder: own.migrations, dump: async () => undefined };
        await migrateUp({ address, folder, programVersion: program, log, dump });
      }
      const database = openDatabase(address, { open: 1, idle: 0 }, log);
      await beginGeneration(database, { madeAt: manifest.madeAt, by, now }).finally(() =>
        database.close(),
      );
      await renameDatabase(beside, address.database, restored.database);
    });
    await expectStopped(beside, present.database);
    await orderSwitch(
      folders,
      { restored: restored.database, present: present.database, before },
      files,
    );
    await finishSwitch(folders, beside);
    return manifest.counts;
  } catch (error) {
    // Without an order, the restore cannot be continued: its files and databases are not needed.
    if (!(await isSwitchOrdered(folders))) {
      await removeUndecided(folders);
      // The first error is reported. What cannot be removed now, the next restore removes.
      for (const name of unneeded) await dropDatabase(beside, name).catch(() => undefined);
    }
    throw error;
  } finally {
    await beside.end();
  }
}

/**
 * Completes a restore that was interrupted after its switch was decided. A restore that was interrupted earlier has
 * changed nothing.
 * @returns whether there was one
 * @throws as `finishSwitch` does, or if PostgreSQL does not answer
 */
export async function finishRestore(
  config: Config,
  folders: SwitchFolders,
  account: Account | undefined,
): Promise<boolean> {
  const beside = await asAccount(account, () => openBeside(selectDatabaseAddress(config)));
  try {
    return await finishSwitch(folders, beside);
  } finally {
    await beside.end();
  }
}

/** Returns the files that replace present ones. @throws ControlPlaneError if they do not fit this machine */
async function newFiles({
  archive: { manifest, files },
  config,
  configFile,
  configuration,
}: RestoreRequest): Promise<Parameters<typeof orderSwitch>[2]> {
  const pem = files.get('ca.pem');
  if (pem === undefined) throw damaged('it has no certificate authority');
  if (new Authority(pem.toString('utf8'), 'ca.pem').fingerprint !== manifest.authority) {
    throw damaged('its certificate authority is not the one that its manifest names');
  }
  const authority = { name: 'ca.pem', place: config.authority, content: pem } as const;
  const text = configuration === 'keep' ? undefined : files.get('config.yaml');
  if (text === undefined) return [authority];
  const restored = await parseConfig(text.toString('utf8'), 'config.yaml of the backup');
  if (JSON.stringify(placesOf(restored)) !== JSON.stringify(placesOf(config))) {
    throw new ControlPlaneError({
      what: 'the backup’s configuration has the database or the certificate authority in another place than this machine',
      where: configFile,
      fix: 'Keep the present configuration with --keep-configuration, or give it the same places.',
    });
  }
  return [authority, { name: 'config.yaml', place: configFile, content: text }];
}

function placesOf(config: Config) {
  return { ...selectDatabaseAddress(config), authority: config.authority };
}

async function renameDatabase(beside: Client, from: string, to: string): Promise<void> {
  const [quotedFrom, quotedTo] = [from, to].map((name) => beside.escapeIdentifier(name));
  await beside.query(`ALTER DATABASE ${quotedFrom} RENAME TO ${quotedTo}`);
}

/**
 * Checks that nobody is connected to the database.
 * @throws ControlPlaneError naming a session: the control plane's or a person's
 */
async function expectStopped(beside: Client, database: string): Promise<void> {
  await expectUnused(
    beside,
    database,
    'Stop it: rc-service qx-controlplane stop; end psql sessions, too.',
  );
}

/** Checks that nobody is connected to a database, which may be missing. @throws ControlPlaneError naming a session */
async function expectUnused(
  beside: Client,
  database: string,
  fix = 'End that program, for example psql.',
): Promise<void> {
  const { rows } = await beside.query<{ name: string; user: string }>(
    // PostgreSQL hides the backend type of other accounts' sessions; the server's own processes have no account.
    `SELECT application_name AS name, usename AS user FROM pg_stat_activity
     WHERE datname = $1 AND usename IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend' LIMIT 1`,
    [database],
  );
  const [first] = rows;
  if (first === undefined) return;
  throw new ControlPlaneError({
    what: `${first.name === '' ? 'a program' : first.name} is connected to the database as ${first.user}`,
    where: database,
    fix,
  });
}
