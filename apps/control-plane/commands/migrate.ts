import { createLogger, type Logger } from '../../log/logger.ts';
import { openConfirmation } from '../../update/confirmation.ts';
import { VERSION } from '../../version.ts';
import { migrateDown, migrateUp, readMigrationStatus } from '../database/migrate.ts';
import { ControlPlaneError } from '../error.ts';
import { findReasonToHold } from '../held-migrations.ts';
import { migrateRequest } from '../migrate-request.ts';
import { readConfigAsAccount } from './config.ts';

/** Carries out `qx-controlplane migrate status`. @returns the text to print */
export async function showMigrations(configFile: string, form: 'text' | 'json'): Promise<string> {
  const config = await readConfigAsAccount(configFile);
  const { applied, pending } = await readMigrationStatus(
    migrateRequest(config, { version: VERSION, log: operatorLog() }),
  );
  if (form === 'json') {
    const names = pending.map(({ version, name }) => ({ version, name }));
    return `${JSON.stringify({ schemaVersion: applied.length, applied, pending: names }, null, 2)}\n`;
  }
  const lines = [
    ...applied.map(
      ({ name, appliedAt, programVersion, milliseconds }) =>
        `${name}  applied ${appliedAt.toISOString()} by ${programVersion} in ${Math.round(milliseconds)} ms`,
    ),
    ...pending.map(({ name }) => `${name}  pending`),
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * Carries out `qx-controlplane migrate up`.
 * @returns the text to print
 * @throws ControlPlaneError if the running version is not confirmed
 */
export async function applyMigrations(configFile: string): Promise<string> {
  await using confirmed = await openConfirmation();
  const config = await readConfigAsAccount(configFile);
  const request = migrateRequest(config, { version: VERSION, log: operatorLog() });
  const { pending } = await readMigrationStatus(request);
  const what = await findReasonToHold(pending, confirmed);
  if (what !== undefined) throw new ControlPlaneError({ what });
  const done = await migrateUp(request);
  return describe(done, 'applied', 'The database has all migrations.');
}

/** Carries out `qx-controlplane migrate down`. @returns the text to print */
export async function takeMigrationsBack(configFile: string, count: number): Promise<string> {
  const config = await readConfigAsAccount(configFile);
  const request = migrateRequest(config, { version: VERSION, log: operatorLog() });
  return describe(await migrateDown(request, count), 'taken back', 'Nothing was taken back.');
}

function describe(migrations: readonly { name: string }[], what: string, none: string): string {
  if (migrations.length === 0) return `${none}\n`;
  return migrations.map(({ name }) => `${name}  ${what}\n`).join('');
}

/** Creates a logger that writes progress to standard error, apart from the result. */
function operatorLog(): Logger {
  return createLogger({ level: 'warning', write: (line) => process.stderr.write(`${line}\n`) });
}
