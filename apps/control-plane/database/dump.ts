import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../error.ts';
import { CommandError } from '../../process/command-error.ts';
import { run } from '../../process/run.ts';
import { ControlPlaneError } from '../error.ts';
import type { DatabaseAddress } from './connection.ts';

/** Folder of the dumps that are made before a migration. */
export const AUTOMATIC_DUMPS = '/data/backup/auto';

/** Number of the newest dumps that are kept. */
const KEPT = 3;

/** Milliseconds that a dump may take. */
const TIMEOUT = 30 * 60_000;

const DUMP_NAME = /^before-migration-.*\.dump$/;
/** Name of a dump that is being made; the number is a process id. */
const PARTIAL_NAME = /^before-migration-.*\.dump\.\d+\.partial$/;

/**
 * Dumps a database before its schema is changed, in PostgreSQL's custom format (pg_dump(1), `-Fc`), and removes all but
 * the newest of these dumps. The file gets its name once it is complete and on disk. First, all partial files are
 * removed, because a power failure during an earlier dump leaves one; so only one program may dump at a time.
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
  const temporary = `${file}.${process.pid}.partial`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await removeAll(folder, (names) => names.filter((name) => PARTIAL_NAME.test(name)));
    await dump(address, temporary);
    const handle = await open(temporary, 'r+');
    await handle.sync();
    await handle.close();
    await rename(temporary, file);
  } catch (cause) {
    // The cause is reported, even if the remains cannot be removed.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new ControlPlaneError({
      what: `the database cannot be dumped before the migration: ${messageOf(cause)}`,
      where: file,
      fix: 'Make room there; the schema was not touched.',
      cause: cause instanceof CommandError ? undefined : cause,
    });
  }
  // Names begin with the time and so sort by age.
  await removeAll(folder, (names) =>
    names
      .filter((name) => DUMP_NAME.test(name))
      .sort()
      .slice(0, -KEPT),
  );
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

/** Removes files of a folder. @param choose returns the names to remove from those in the folder */
async function removeAll(
  folder: string,
  choose: (names: string[]) => readonly string[],
): Promise<void> {
  for (const name of choose(await readdir(folder))) await rm(join(folder, name), { force: true });
}
