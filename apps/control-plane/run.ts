import { dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { ExplainedError, getStack, messageOf } from '../error.ts';
import { DiskError } from '../files/disk-error.ts';
import { bind, TakenError } from '../http/bind.ts';
import { createApiServer } from '../http/server.ts';
import { createLogger, type Logger } from '../log/logger.ts';
import { writeToStandardOutput } from '../log/standard-output.ts';
import { writeSignsOfLife } from '../process/signs-of-life.ts';
import { openConfirmation } from '../update/confirmation.ts';
import { VERSION } from '../version.ts';
import { findAccount, isRoot, switchToAccount } from './account.ts';
import { readBackupFiles } from './backup/make-backup.ts';
import type { BackupSecrets } from './backup/nightly.ts';
import { readPassphrase } from './backup/passphrase.ts';
import { backupRoutes } from './backup/routes.ts';
import { isSwitchOrdered, removeUndecided, switchFolders } from './backup/switch.ts';
import { type Config, parseConfig, readConfig } from './config.ts';
import { startControlPlane } from './control-plane.ts';
import { monotonicClock } from './coordination/clock.ts';
import { ControlPlaneError } from './error.ts';
import { showFailedStart } from './health/failed-start.ts';
import { createHealthRoutes, refuseWhileLimited, refuseWhileSilent } from './health/routes.ts';
import type { Confirmed } from './held-migrations.ts';
import { createInventoryRoutes } from './inventory/routes.ts';
import { createAddressRoutes } from './operator/address-routes.ts';
import { createOversightRoutes } from './operator/oversight-routes.ts';
import { createOperatorRoutes } from './operator/routes.ts';
import { createLocalCertificateRoutes } from './people/certificate-routes.ts';
import { createUserRoutes } from './people/operator-routes.ts';
import { type OpenPort, openPort } from './people/port.ts';
import { type Authority, openAuthority } from './trust/authority.ts';
import { updateRoutes } from './updates/routes.ts';

/** Milliseconds between two attempts to complete a restore. */
const RETRY_AFTER = 2_000;

/** Milliseconds from the start during which a failure is shown before the program ends: a restart would fail again. */
const START_WITHIN = 60_000;

/**
 * Milliseconds for which a control plane that cannot start shows why; then its supervisor starts it again. After a bug,
 * the pause is shorter, because another start may succeed.
 */
const SHOW_FOR = { explained: 60_000, bug: 10_000 };

/** The parts of a start that were completed before it failed. */
interface Known {
  /** The configuration; the defaults until it is read. */
  config: Config;
  authority?: Authority;
  port?: OpenPort | undefined;
}

/**
 * Runs the control plane until the signal is aborted: the daemon that the service starts. If it cannot start, it shows
 * why for up to a minute before it ends, so that its supervisor does not start it each second.
 * @returns exit status: 0 if the signal ended it, 1 if it failed; the log says why
 */
export async function runControlPlane(configFile: string, signal: AbortSignal): Promise<number> {
  // Node.js copies the list of protocols into each TLS connection, as a part of a shared slab that lives as long as the
  // connection does: slabs of 64 KiB, its default, take 40 MB of memory for a thousand hosts.
  Buffer.poolSize = 4096;
  // By default, the heap may double before V8 collects old objects: half of it would be garbage.
  setFlagsFromString('--heap-growing-percent=30');
  const log = createLogger({ level: 'info', write: writeToStandardOutput });
  const known: Known = { config: await parseConfig('', configFile) };
  try {
    await continueRestore(configFile, { log, signal });
    const config = await readConfig(configFile);
    known.config = config;
    // Read while still root: only root can read /quantix if it is on FAT, and the boot state in any case.
    const authority = await openAuthority(config.authority);
    known.authority = authority;
    const secrets = {
      ...(await readBackupFiles(config.authority, configFile)),
      passphrase: await readNightlyPassphrase(config.backup.passphrase, log),
    };
    await using confirmed = await openConfirmation();
    // Only root can open a port below 1024.
    if (isRoot()) known.port = await openEarly(config, log);
    await leaveRoot(config.database.user);
    log.info(`qx-controlplane ${VERSION} starts`);
    await work({ config, authority, secrets, confirmed, port: known.port, log }, signal);
    log.info('qx-controlplane ends');
    return 0;
  } catch (error) {
    const isExplained = error instanceof ExplainedError || error instanceof TakenError;
    log.error(isExplained ? error.message : getStack(error));
    if (process.uptime() * 1000 >= START_WITHIN) return 1;
    const reason = isExplained ? error.message : `the program failed: ${messageOf(error)}`;
    const within = AbortSignal.timeout(isExplained ? SHOW_FOR.explained : SHOW_FOR.bug);
    await showReason(reason, known, { log, signal: AbortSignal.any([signal, within]) });
    return 1;
  }
}

/** Shows, until the signal is aborted, why the control plane cannot start; runs under its account if possible. */
async function showReason(
  reason: string,
  { config, authority, port }: Known,
  { log, signal }: { log: Logger; signal: AbortSignal },
): Promise<void> {
  const { socket } = config;
  const onProblem = (line: string) => log.warning(line);
  const failed = { reason, version: VERSION, socket, authority, onProblem, signal };
  try {
    const account = isRoot() ? await findAccount(config.database.user) : undefined;
    let shown = port;
    if (account !== undefined) {
      shown ??= await openEarly(config, log);
      switchToAccount(account);
    }
    // As root, only the Unix socket is served, and not the port.
    await showFailedStart({ ...failed, port: isRoot() ? undefined : shown });
  } catch (error) {
    log.error(`the reason cannot be shown: ${messageOf(error)}`);
    await monotonicClock.sleep(SHOW_FOR.explained, signal);
  }
}

/**
 * Completes a restore that was interrupted after its switch was decided: until then, database and files do not match.
 * Waits for PostgreSQL.
 */
async function continueRestore(
  configFile: string,
  { log, signal }: { log: Logger; signal: AbortSignal },
): Promise<void> {
  const folders = switchFolders(configFile);
  let lastMessage = '';
  while (!signal.aborted && (await isSwitchOrdered(folders))) {
    const { finishRestore } = await import('./backup/restore.ts');
    const config = await readConfig(configFile);
    const account = isRoot() ? await findAccount(config.database.user) : undefined;
    try {
      await finishRestore(config, folders, account);
      log.warning('a restore from a backup was interrupted; it is complete now');
    } catch (error) {
      if (!(error instanceof ControlPlaneError)) throw error;
      if (error.message !== lastMessage) log.error(error.message);
      lastMessage = error.message;
      await monotonicClock.sleep(RETRY_AFTER, signal);
    }
  }
  if (signal.aborted) return;
  try {
    if (await removeUndecided(folders)) {
      log.warning(
        'a restore from a backup was cut off before it replaced anything; restore it again, if it is still wanted',
      );
    }
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    log.warning(`the remains of a failed restore cannot be removed: ${error.message}`);
  }
}

/**
 * Reads the passphrase of nightly backups. An unusable one is reported and counts as missing: the control plane works
 * without backups rather than not at all.
 */
async function readNightlyPassphrase(file: string, log: Logger): Promise<string | undefined> {
  try {
    return await readPassphrase(file);
  } catch (error) {
    if (!(error instanceof ControlPlaneError)) throw error;
    log.error(`no backups are made: ${error.message}`);
    return undefined;
  }
}

/**
 * Runs the control plane and the server of its socket until the signal is aborted or one of them fails, which ends the
 * other.
 */
async function work(
  {
    log,
    ...given
  }: {
    config: Config;
    authority: Authority;
    secrets: BackupSecrets;
    confirmed: Confirmed;
    port: OpenPort | undefined;
    log: Logger;
  },
  ending: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([ending, failed.signal]);
  const { config, authority } = given;
  const controlPlane = startControlPlane({ ...given, version: VERSION, log, signal });
  const server = createApiServer({
    routes: [
      ...createHealthRoutes(() => controlPlane.facts()),
      ...refuseWhileLimited(
        refuseWhileSilent(
          [
            ...createInventoryRoutes(controlPlane),
            ...createOperatorRoutes({
              database: controlPlane.database,
              fingerprint: authority.fingerprint,
            }),
            ...createOversightRoutes(controlPlane),
            ...createAddressRoutes(controlPlane),
            ...backupRoutes(controlPlane),
            ...createUserRoutes(controlPlane),
            ...createLocalCertificateRoutes(controlPlane.certificate),
            ...updateRoutes({ ...controlPlane, updates: config.updates }),
          ],
          controlPlane.database,
        ),
        controlPlane.limited,
      ),
    ],
    explain: () => undefined,
    onBug: (error) => log.error(getStack(error)),
  });
  const listening = bind(server, config.socket).then(() =>
    log.info(`listening on ${config.socket}`),
  );
  const signsOfLife = writeSignsOfLife(join(dirname(config.socket), 'alive'), {
    onProblem: (line) => log.warning(line),
    signal,
  });
  try {
    await Promise.all([controlPlane.ended, listening, signsOfLife]);
  } finally {
    failed.abort();
    server.close();
    server.closeAllConnections();
    await Promise.allSettled([controlPlane.ended, listening, signsOfLife]);
    given.port?.close();
  }
}

/** Opens the port for people. If that fails, it is tried again later, and hosts are served meanwhile. */
async function openEarly({ people }: Config, log: Logger): Promise<OpenPort | undefined> {
  try {
    return await openPort(people);
  } catch (error) {
    if (!(error instanceof ControlPlaneError)) throw error;
    log.error(error.message);
    return undefined;
  }
}

/**
 * Switches this process, if it was started as root, to the account under which the control plane connects to
 * PostgreSQL. Root is needed before that: on FAT, only root can read the configuration.
 * @throws ControlPlaneError if the account does not exist
 */
async function leaveRoot(name: string): Promise<void> {
  if (!isRoot()) return;
  const account = await findAccount(name);
  if (account === undefined) {
    throw new ControlPlaneError({ what: `there is no account ${name}`, where: '/etc/passwd' });
  }
  switchToAccount(account);
}
