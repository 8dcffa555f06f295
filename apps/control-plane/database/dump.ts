import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../error.ts';
import { CommandError } from '../../process/command-error.ts';
import { run } from '../../process/run.ts';
import { ControlPlaneError } from '../error.ts';
import type { DatabaseAddress } from './connection.ts';

/** Folder of the dumps that are made before a migration. */
export const AUTOMATIC_DUMPS = '/data/backup/auto';

/** Number of dumps that are kept of those made before migrations. */
const KEPT = 3;

/** Milliseconds that a dump may take. */
const TIMEOUT = 30 * 60_000;

const DUMP_NAME = /^before-migration-.*\.dump$/;

/**
 * Dumps a database before its schema is changed, in PostgreSQL's custom format (pg_dump(1), `-Fc`), and removes all but
 * the newest of these dumps. The file gets its name once it is complete and on disk.
 * @param version the schema's present version
 * @returns path of the dump
 * @throws ControlPlaneError if it cannot be made
 */
export async function dumpBeforeMigration(
  address: DatabaseAddress,
  { folder, version, now }: { folder: string; version: number; now: Date },
): Promise<string> {
  const stamp = now.toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const file = join(folder, `before-migration-${stamp}-schema-${version}.dump`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}.partial`;
  try {
    await dump(address, temporary);
    const handle = await open(temporary, 'r+');
    await handle.sync();
    await handle.close();
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new ControlPlaneError({
      what: `the database cannot be dumped before the migration: ${messageOf(cause)}`,
      where: file,
      fix: 'Make room there; the schema was not touched.',
      cause: cause instanceof CommandError ? undefined : cause,
    });
  }
  await removeOldDumps(folder);
  return file;
}

async function dump(
  { socketFolder, database, user }: DatabaseAddress,
  file: string,
): Promise<void> {
  const connection = ['--host', socketFolder, '--username', user, '--no-password'];
  await run('pg_dump', [...connection, '--format=custom', '--file', file, database], {
    timeout: TIMEOUT,
  });
}

/** Removes all but the newest dumps. Names begin with the time and so sort by age. */
async function removeOldDumps(folder: string): Promise<void> {
  const dumps = (await readdir(folder)).filter((name) => DUMP_NAME.test(name)).sort();
  for (const name of dumps.slice(0, -KEPT)) await rm(join(folder, name), { force: true });
}
