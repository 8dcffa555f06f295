import { readFile } from 'node:fs/promises';
import { getErrorCode } from '../../process/code-of.ts';
import type { Executor } from '../database/database.ts';
import { raiseAlert, resolveAlertOf } from '../database/repositories/alerts.ts';

/** Mount point of the data disk; the service `quantix-data` bind-mounts its folders at the databases' paths. */
const DISK = '/data';

/** File in which the same service writes why there is no such disk, for people. */
const REASON = '/run/quantix/not-persistent';

/** Whether data survives a restart. */
export async function isPersistent(mounts = '/proc/self/mounts'): Promise<boolean> {
  const text = await readFile(mounts, 'utf8');
  return text.split('\n').some((line) => line.split(' ')[1] === DISK);
}

/** Reads why data does not survive a restart; undefined if no reason was written. */
export async function readPersistenceProblem(file = REASON): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The alert while data does not survive a restart. */
const ALERT = {
  title: 'This machine forgets everything at a restart',
  sourceType: 'CONTROL_PLANE',
  sourceName: 'data disk',
} as const;

/**
 * Raises an alert with the reason why data does not survive a restart. If there is no such reason, an open alert of
 * this kind is resolved: the database may have been restored from a backup that contains such an alert.
 * @param file with the reason
 */
export async function updatePersistenceAlert(
  db: Executor,
  now: Date,
  file = REASON,
): Promise<void> {
  const message = await readPersistenceProblem(file);
  if (message === undefined) await resolveAlertOf(db, ALERT, now);
  else await raiseAlert(db, { ...ALERT, severity: 'WARNING', message });
}
