import { sql } from 'kysely';
import { DatabaseError } from 'pg';
import type { ShownCertificate } from '../../api/certificate.ts';
import { asDiskError, DiskError } from '../../files/disk-error.ts';
import { isThere } from '../../files/durable-file.ts';
import { readSpace } from '../../host/file-system-space.ts';
import { createLogger } from '../../log/logger.ts';
import { CommandError } from '../../process/command-error.ts';
import { ServiceError } from '../../services/control.ts';
import { readTimeState, type TimeState } from '../../services/time.ts';
import { openConfirmation } from '../../update/confirmation.ts';
import { VERSION } from '../../version.ts';
import { backupProblem } from '../backup/keep.ts';
import { lookAtNightly } from '../backup/nightly.ts';
import { type Config, readConfig } from '../config.ts';
import { openDatabase } from '../database/database.ts';
import { readMigrationStatus } from '../database/migrate.ts';
import {
  readCertificateOrder,
  readPeopleCertificate,
} from '../database/repositories/people-certificate.ts';
import { ControlPlaneError } from '../error.ts';
import {
  askPort,
  type Finding,
  type HostVersion,
  judgeBackups,
  judgeClock,
  judgeHosts,
  judgePort,
  judgeSpace,
  tellUnknownSpace,
} from '../health/findings.ts';
import { isPersistent, readPersistenceProblem } from '../health/persistence.ts';
import { askServices } from '../health/probes.ts';
import { findReasonToHold } from '../held-migrations.ts';
import { migrateRequest, selectDatabaseAddress } from '../migrate-request.ts';
import { readConfigAsAccount } from './config.ts';

/** Milliseconds within which a service must answer; the first request of a new process takes longest. */
const WITHIN = 20_000;

/** Milliseconds within which other programs must answer. */
const PATIENCE = 10_000;

const SERVICE_FIX = 'rc-service NAME status; rc-service NAME restart; logread | grep NAME';

/**
 * Carries out `qx-controlplane doctor`: checks everything that the control plane depends on.
 * @returns the text to print, and whether all is well
 */
export async function examine(
  configFile: string,
  form: 'text' | 'json',
): Promise<{ text: string; isWell: boolean }> {
  await using confirmed = await openConfirmation();
  const hasPassphrase = await isThere((await readConfig(configFile)).backup.passphrase);
  const config = await readConfigAsAccount(configFile);
  const log = createLogger({ level: 'error', write: () => undefined });
  const database = openDatabase(selectDatabaseAddress(config), { open: 2, idle: 0 }, log);
  try {
    const services = await askServices(config, database, { within: WITHIN });
    const isAnswering = services.some(({ name, state }) => name === 'postgresql' && state === 'ok');
    const findings: Finding[] = [
      ...services.map(({ name, state, problem }) => ({
        subject: name,
        isWell: state === 'ok',
        told: state === 'ok' ? 'answers' : problem,
        fix: state === 'ok' ? '' : SERVICE_FIX.replaceAll('NAME', name),
      })),
      await examineSchema(),
      await examineData(),
      ...(await examineSpace(config)),
      ...(isAnswering ? await unlessOtherSchema(examineFleet, []) : []),
      ...(await examinePorts(isAnswering)),
    ];
    const isWell = findings.every((one) => one.isWell !== false);
    const text =
      form === 'json' ? `${JSON.stringify({ isWell, findings }, null, 2)}\n` : describe(findings);
    return { text, isWell };
  } finally {
    await database.close();
  }

  /** Checks what the database knows of hosts: clocks, versions, backups. */
  async function examineFleet(): Promise<Finding[]> {
    const now = Date.now();
    const { rows } = await sql<HostVersion & { offset: number | null }>`
      SELECT hostname, coalesce(version ->> 'program', '') AS version,
        CASE WHEN received_at > now() - interval '5 minutes' THEN clock_offset_ms END AS offset
      FROM nodes LEFT JOIN node_heartbeats ON node_id = id ORDER BY hostname`.execute(database.db);
    const offsets = rows.flatMap(({ offset }) => (offset === null ? [] : [offset]));
    const { unreadable, newest } = await lookAtNightly(config, now);
    const standing = {
      ...{ unreadable, hasPassphrase, hasHosts: rows.length > 0, failure: undefined },
      newest: newest?.time,
    };
    return [
      judgeClock(await askTime(), offsets),
      judgeBackups(backupProblem(standing, config.backup, now), {
        ...{ hasPassphrase, newest: newest?.name, unreadable },
      }),
      judgeHosts(rows, VERSION),
    ];
  }

  /**
   * Checks the listening ports. Port 0 means any free one and cannot be checked; while the version waits for its
   * confirmation, ports are not open yet.
   */
  async function examinePorts(isAnswering: boolean): Promise<Finding[]> {
    if ((await confirmed.problem()) !== undefined) return [];
    const own = 'own' as const;
    const certificate = isAnswering ? await unlessOtherSchema(originOfCertificate, own) : own;
    const { agents, people } = config;
    const ports = [
      { ...agents, whom: 'agents', protocol: 'h2', certificate: own },
      { ...people, whom: 'people', protocol: 'http/1.1', certificate },
    ] as const;
    const asked = ports.filter(({ port }) => port !== 0);
    return await Promise.all(
      asked.map(async (one) => judgePort(await askPort(one), one, Date.now())),
    );
  }

  async function originOfCertificate(): Promise<ShownCertificate['origin']> {
    const { db } = database;
    if ((await readPeopleCertificate(db)) === undefined) return 'own';
    return (await readCertificateOrder(db)) === undefined ? 'given' : 'acme';
  }

  async function examineSchema(): Promise<Finding> {
    const subject = 'schema';
    try {
      const status = await readMigrationStatus(migrateRequest(config, { version: VERSION, log }));
      const [pending] = status.pending;
      const version = `version ${status.applied.length}`;
      const held = await findReasonToHold(status.pending, confirmed);
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

/** Runs queries; returns `otherwise` if the database has a schema of another version, which is already reported. */
async function unlessOtherSchema<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DatabaseError) return otherwise;
    throw error;
  }
}

/** Checks the free space for backups; reports nothing if the folder does not exist. */
async function examineSpace({ backup: { folder } }: Config): Promise<Finding[]> {
  try {
    if (!(await isThere(folder))) return [];
    return [judgeSpace(await readSpace(folder, { timeout: PATIENCE }), folder)];
  } catch (cause) {
    const error = cause instanceof CommandError ? cause : asDiskError(folder, cause, 'read');
    if (error instanceof DiskError || error instanceof CommandError) {
      return [tellUnknownSpace(error.message, folder)];
    }
    throw error;
  }
}

async function askTime(): Promise<TimeState | undefined> {
  try {
    return await readTimeState(AbortSignal.timeout(PATIENCE));
  } catch (error) {
    if (error instanceof CommandError || error instanceof ServiceError) return undefined;
    throw error;
  }
}

async function examineData(): Promise<Finding> {
  const reason = await readPersistenceProblem();
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
    const state = isWell === null ? 'not known' : isWell ? 'ok' : 'PROBLEM';
    return `${subject.padEnd(11)} ${state}: ${told}${advice}`;
  });
  return `${lines.join('\n')}\n`;
}
