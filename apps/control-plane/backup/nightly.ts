import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import type { Backups } from '../../api/backups.ts';
import { messageOf } from '../../error.ts';
import { type Access, asDiskError, DiskError } from '../../files/disk-error.ts';
import { syncFolder } from '../../files/durable-file.ts';
import type { Logger } from '../../log/logger.ts';
import type { Config } from '../config.ts';
import { monotonicClock } from '../coordination/clock.ts';
import type { Database } from '../database/database.ts';
import { raiseAlert, resolveAlertOf } from '../database/repositories/alerts.ts';
import { ControlPlaneError } from '../error.ts';
import { selectDatabaseAddress } from '../migrate-request.ts';
import { openArchive } from './archive.ts';
import {
  backupName,
  backupProblem,
  computeLastDue,
  findNewest,
  listBackups,
  selectOutdated,
} from './keep.ts';
import { type BackupFiles, makeBackup } from './make-backup.ts';
import { verifyBackup } from './verify.ts';

/** Milliseconds between two checks of the clock, and before a failed backup is tried again. */
const LOOK_EVERY = 60_000;
const RETRY_AFTER = 3_600_000;

/** Identify the alerts about backups. */
const SOURCE = { sourceType: 'CONTROL_PLANE', sourceName: 'backup' } as const;
const NO_BACKUP = { ...SOURCE, title: 'There is no good backup' };
const OLD_STAY = { ...SOURCE, title: 'Old backups stay' };

/** Names of unfinished backups that an interrupted attempt left; other files in the folder are not touched. */
const CUT_OFF = /^qvdc-\d{8}T\d{6}Z\.backup\.unverified(\.\d+\.partial)?$/;

/** Content of files that only root can read; the program reads them before it switches to another account. */
export interface BackupSecrets extends BackupFiles {
  readonly passphrase: string | undefined;
}

export interface NightlyOptions {
  readonly config: Config;
  readonly secrets: BackupSecrets;
  readonly database: Database;
  /** Version of the program. */
  readonly version: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Returns the folder of automatic backups. */
export function locateNightlyFolder({ backup }: Config): string {
  return join(backup.folder, 'nightly');
}

/**
 * The backups that the control plane makes by itself. Each is verified by restoring it into a scratch database; until
 * then it has a different name. A problem raises an alert, which is cleared when the problem is solved.
 */
export class NightlyBackups {
  readonly #options: NightlyOptions;
  /** One backup at a time. */
  readonly #turn = pLimit(1);
  /** What failed in the last attempt, as a clause. */
  #failure: string | undefined;
  /** Why outdated backups could not be removed at the last check; undefined if they could. */
  #stuck: string | undefined;
  #tried = Number.NEGATIVE_INFINITY;

  constructor(options: NightlyOptions) {
    this.#options = options;
  }

  /** Makes a backup each night, and deletes old ones, until the signal is aborted. */
  async work(): Promise<void> {
    const { log, signal } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#turn(() => this.#look());
      } catch (error) {
        log.warning(`backups cannot be looked at: ${messageOf(error)}`);
      }
      await monotonicClock.sleep(LOOK_EVERY, signal);
    }
  }

  /** Makes a backup now. @throws ControlPlaneError with the reason if it fails */
  async makeNow(): Promise<void> {
    const { config, secrets } = this.#options;
    const { passphrase } = secrets;
    if (passphrase === undefined) {
      throw new ControlPlaneError({
        what: 'there is no passphrase for backups',
        fix: `Write one to ${config.backup.passphrase}, and restart the control plane.`,
      });
    }
    await this.#turn(async () => {
      await this.#attempt(passphrase, new Date());
      if (this.#failure !== undefined) throw new ControlPlaneError({ what: this.#failure });
    });
  }

  /** Describes the backups for people. */
  async describe(): Promise<Backups> {
    const { config, secrets } = this.#options;
    const { newest, problem } = await this.#judge(Date.now());
    return {
      folder: locateNightlyFolder(config),
      newest:
        newest === undefined
          ? null
          : { name: newest.name, madeAt: new Date(newest.time).toISOString() },
      problem: problem ?? (this.#stuck === undefined ? null : `old backups stay: ${this.#stuck}`),
      hasPassphrase: secrets.passphrase !== undefined,
      at: config.backup.at,
    };
  }

  /** Makes a backup if one is due. */
  async #look(): Promise<void> {
    const { config, secrets, database } = this.#options;
    const now = Date.now();
    const there = await lookAtNightly(config, now);
    // If the folder cannot be read, it is not known whether a backup is due.
    const isDue =
      there.unreadable === undefined &&
      (there.newest?.time ?? 0) < computeLastDue(config.backup.at, now);
    const isTime = performance.now() - this.#tried >= RETRY_AFTER;
    if (isDue && isTime && secrets.passphrase !== undefined && (await hasHosts(database))) {
      await this.#attempt(secrets.passphrase, new Date(now));
      return;
    }
    // While a backup is due, nothing is removed: there may be no better one than the old ones.
    if (!isDue && there.unreadable === undefined) await this.#prune(now);
    await this.#updateAlerts();
  }

  async #attempt(passphrase: string, now: Date): Promise<void> {
    this.#tried = performance.now();
    this.#failure = await attempt({ ...this.#options, passphrase, now });
    if (this.#failure === undefined) await this.#prune(now.getTime());
    await this.#updateAlerts();
  }

  /** Removes outdated backups. What cannot be removed is tried again at each check. @param now milliseconds since 1970 */
  async #prune(now: number): Promise<void> {
    const { config, log } = this.#options;
    let stuck: string | undefined;
    for (const name of selectOutdated(await listNightly(config), config.backup, now)) {
      try {
        await removeFile(join(locateNightlyFolder(config), name));
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        stuck ??= error.message;
      }
    }
    if (stuck !== undefined && stuck !== this.#stuck) log.error(`old backups stay: ${stuck}`);
    this.#stuck = stuck;
  }

  async #judge(
    now: number,
  ): Promise<Pick<NightlyFolder, 'newest'> & { problem: string | undefined }> {
    const { config, secrets, database } = this.#options;
    const { unreadable, newest } = await lookAtNightly(config, now);
    const standing = {
      ...{ unreadable, newest: newest?.time, failure: this.#failure },
      hasPassphrase: secrets.passphrase !== undefined,
      hasHosts: await hasHosts(database),
    };
    return { newest, problem: backupProblem(standing, config.backup, now) };
  }

  /** Raises the alerts about backups if there are problems, and clears them otherwise. */
  async #updateAlerts(): Promise<void> {
    const now = Date.now();
    const { problem } = await this.#judge(now);
    const { db } = this.#options.database;
    for (const [alert, message] of [
      [NO_BACKUP, problem],
      [OLD_STAY, this.#stuck],
    ] as const) {
      if (message === undefined) await resolveAlertOf(db, alert, new Date(now));
      else await raiseAlert(db, { ...alert, severity: 'WARNING', message });
    }
  }
}

/** Tries to make a backup. @returns what failed, as a clause; undefined if it succeeded */
async function attempt(
  options: NightlyOptions & { passphrase: string; now: Date },
): Promise<string | undefined> {
  const { log } = options;
  try {
    const file = await makeGoodBackup(options);
    log.info(`a backup was made and restored once: ${file}`);
    return undefined;
  } catch (error) {
    if (options.signal.aborted) throw error;
    // Not only explained errors: PostgreSQL itself may refuse a query, for example on a full disk.
    const why = `the last backup failed: ${messageOf(error)}`;
    log.error(why);
    return why;
  }
}

/**
 * Makes a backup and verifies it in a scratch database. @returns its path; the file gets this name after the
 * verification
 */
async function makeGoodBackup({
  config,
  secrets,
  passphrase,
  version,
  now,
  signal,
}: NightlyOptions & { passphrase: string; now: Date }): Promise<string> {
  const folder = locateNightlyFolder(config);
  await access(folder, 'written', () => mkdir(folder, { recursive: true, mode: 0o700 }));
  // Remove the unfinished files of interrupted attempts.
  for (const name of await access(folder, 'read', () => readdir(folder))) {
    if (CUT_OFF.test(name)) await removeFile(join(folder, name));
  }
  const file = join(folder, backupName(now));
  const unverified = `${file}.unverified`;
  const address = selectDatabaseAddress(config);
  const { files, authority } = secrets;
  await makeBackup(unverified, {
    ...{ address, account: undefined, files, authority, passphrase, program: version, now, signal },
  });
  const own = { program: version, migrations: config.database.migrations };
  const content = readPieces(unverified);
  try {
    const archive = await openArchive(content, passphrase);
    await verifyBackup(archive, { address, own, signal });
  } finally {
    // Close the file: a bad backup is not read to its end.
    await content.return();
  }
  await access(file, 'written', async () => {
    await rename(unverified, file);
    await syncFolder(folder);
  });
  return file;
}

/** Reads a file piece by piece. @throws DiskError */
async function* readPieces(file: string): AsyncGenerator<Buffer, void, void> {
  try {
    yield* createReadStream(file);
  } catch (error) {
    throw asDiskError(file, error, 'read');
  }
}

/** Accesses a file or folder. @throws DiskError if the system refuses */
async function access<T>(file: string, how: Access, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asDiskError(file, error, how);
  }
}

/** Removes a file if it still exists. @throws DiskError */
async function removeFile(file: string): Promise<void> {
  await access(file, 'written', () => rm(file, { force: true }));
}

/** Lists the names of the good automatic backups, newest first. @throws DiskError */
async function listNightly(config: Config): Promise<string[]> {
  const folder = locateNightlyFolder(config);
  try {
    return await access(folder, 'read', () => listBackups(folder));
  } catch (error) {
    if (error instanceof DiskError && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** The folder of the automatic backups. */
export interface NightlyFolder {
  /** Why it cannot be read, for people; undefined if it can. */
  readonly unreadable: string | undefined;
  /** The newest good backup; undefined if there is none, or the folder cannot be read. */
  readonly newest: { readonly name: string; readonly time: number } | undefined;
}

/** Reads the folder of the automatic backups. @param now milliseconds since 1970 */
export async function lookAtNightly(config: Config, now: number): Promise<NightlyFolder> {
  try {
    return { unreadable: undefined, newest: findNewest(await listNightly(config), now) };
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    return { unreadable: error.message, newest: undefined };
  }
}

/** Whether any host has joined. */
export async function hasHosts({ db }: Database): Promise<boolean> {
  return (await db.selectFrom('nodes').select('id').limit(1).executeTakeFirst()) !== undefined;
}
