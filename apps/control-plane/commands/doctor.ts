import { createLogger } from '../../log/logger.ts';
import { openConfirmation } from '../../update/confirmation.ts';
import { VERSION } from '../../version.ts';
import { openDatabase } from '../database/database.ts';
import { readMigrationStatus } from '../database/migrate.ts';
import { ControlPlaneError } from '../error.ts';
import { isPersistent, readForgetfulness } from '../health/persistence.ts';
import { askServices } from '../health/probes.ts';
import { reasonToHold } from '../held-migrations.ts';
import { databaseAddress, migrateRequest } from '../migrate-request.ts';
import { readConfigAsAccount } from './config.ts';

/** One thing that was looked at. */
interface Finding {
  readonly subject: string;
  readonly isWell: boolean;
  /** What was found, for people. */
  readonly told: string;
  /** What to do; empty if all is well. */
  readonly fix: string;
}

/** Milliseconds that a service has to answer: this program is a new one, whose first question takes longest. */
const WITHIN = 20_000;

const SERVICE_FIX = 'rc-service NAME status; rc-service NAME restart; logread | grep NAME';

/**
 * `qx-controlplane doctor`: asks everything that the control plane stands on, now.
 * @returns the text to print, and whether all is well
 */
export async function examine(
  configFile: string,
  form: 'text' | 'json',
): Promise<{ text: string; isWell: boolean }> {
  await using confirmed = await openConfirmation();
  const config = await readConfigAsAccount(configFile);
  const log = createLogger({ level: 'error', write: () => undefined });
  const database = openDatabase(databaseAddress(config), { open: 2, idle: 0 }, log);
  try {
    const services = await askServices(config, database, { within: WITHIN });
    const findings: Finding[] = [
      ...services.map(({ name, state, problem }) => ({
        subject: name,
        isWell: state === 'ok',
        told: state === 'ok' ? 'answers' : problem,
        fix: state === 'ok' ? '' : SERVICE_FIX.replaceAll('NAME', name),
      })),
      await examineSchema(),
      await examineData(),
    ];
    const isWell = findings.every((one) => one.isWell);
    const text =
      form === 'json' ? `${JSON.stringify({ isWell, findings }, null, 2)}\n` : describe(findings);
    return { text, isWell };
  } finally {
    await database.close();
  }

  async function examineSchema(): Promise<Finding> {
    const subject = 'schema';
    try {
      const status = await readMigrationStatus(migrateRequest(config, { version: VERSION, log }));
      const [pending] = status.pending;
      const version = `version ${status.applied.length}`;
      const held = await reasonToHold(status.pending, confirmed);
      if (held !== undefined) {
        return { subject, isWell: true, told: `${version}; ${held}`, fix: '' };
      }
      const told = `${version}, ${status.pending.length} migrations pending`;
      const fix = pending === undefined ? '' : 'qx-controlplane migrate up';
      return { subject, isWell: pending === undefined, told, fix };
    } catch (error) {
      if (!(error instanceof ControlPlaneError)) throw error;
      return { subject, isWell: false, told: error.message, fix: '' };
    }
  }
}

async function examineData(): Promise<Finding> {
  const reason = await readForgetfulness();
  const isWell = await isPersistent();
  return {
    subject: 'data disk',
    isWell,
    told: isWell ? 'what is kept outlives a restart' : (reason ?? 'no data disk is mounted'),
    fix: isWell ? '' : 'Attach a disk with an ext4 file system labelled QVDC-DATA, and restart.',
  };
}

function describe(findings: readonly Finding[]): string {
  const lines = findings.map(({ subject, isWell, told, fix }) => {
    const advice = fix === '' ? '' : `\n            ${fix}`;
    return `${subject.padEnd(11)} ${isWell ? 'ok' : 'PROBLEM'}: ${told}${advice}`;
  });
  return `${lines.join('\n')}\n`;
}
