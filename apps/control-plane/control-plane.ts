import { hostname } from 'node:os';
import pLimit from 'p-limit';
import type { FirstLogIn } from '../api/users.ts';
import { messageOf } from '../error.ts';
import type { Logger } from '../log/logger.ts';
import type { BackupSecrets, NightlyBackups } from './backup/nightly.ts';
import { openCache } from './cache/cache.ts';
import type { Config } from './config.ts';
import { monotonicClock } from './coordination/clock.ts';
import { type Election, NotLeaderError, startElection } from './coordination/election.ts';
import type { ElectionTimes } from './coordination/election-times.ts';
import { createFence } from './coordination/fence.ts';
import { createLeaderKey } from './coordination/leader-key.ts';
import { openDatabase } from './database/database.ts';
import { migrateUp, readMigrationStatus, tryMigrations } from './database/migrate.ts';
import type { Migration } from './database/migration-files.ts';
import { listOpenAlertsOf } from './database/repositories/alerts.ts';
import { ControlPlaneError } from './error.ts';
import { EventFeed } from './events/feed.ts';
import { takeNotice } from './health/notice.ts';
import { isPersistent, updatePersistenceAlert } from './health/persistence.ts';
import { askServices, UNASKED } from './health/probes.ts';
import {
  describeFailure,
  type HealthFacts,
  isReady,
  NO_ELECTION,
  type OpenAlert,
} from './health/routes.ts';
import { clearState, writeState } from './health/state-file.ts';
import { type Confirmed, findReasonToHold } from './held-migrations.ts';
import type { InventorySources } from './inventory/routes.ts';
import { migrateRequest, selectDatabaseAddress } from './migrate-request.ts';
import type { NodeServer } from './node-service/serve.ts';
import { PeopleCertificate } from './people/certificate.ts';
import type { OpenPort } from './people/port.ts';
import { announceAuthority } from './trust/announce-authority.ts';
import type { Authority } from './trust/authority.ts';
import type { MirrorState } from './updates/keep-mirror.ts';
import type { TreeTurn } from './updates/tree.ts';

/** Milliseconds between two checks of the services, and between two attempts to reach the database. */
const LOOK_EVERY = 10_000;
const RETRY_AFTER = 2_000;

/** The running control plane: its parts and its present state. */
export interface ControlPlane extends InventorySources {
  /** The certificate authority that hosts trust, and by which it identifies them. */
  readonly authority: Authority;
  /** Returns why the control plane only reports its health, for people; undefined if it works fully. */
  limited(): string | undefined;
  /** The certificate that people are shown. */
  readonly certificate: PeopleCertificate;
  /** The events, for subscribers. */
  readonly events: EventFeed;
  /** Returns the state of the mirroring of updates. */
  mirrored(): readonly MirrorState[];
  /** For all that changes which releases of the tree of updates are kept. */
  readonly inTurn: TreeTurn;
  /** Returns the port for people and its certificate; `null` while it is not served. */
  servedPeople(): FirstLogIn['people'];
  /** Returns the nightly backups; `undefined` before they begin, and if there are none. */
  backups(): NightlyBackups | undefined;
  /** Returns the server for hosts; `undefined` while they are not served. */
  servedNodes(): NodeServer | undefined;
  /** Collects the current facts about health. */
  facts(): Promise<HealthFacts>;
  /** Resolves after the signal is aborted and all work has ended. */
  readonly ended: Promise<void>;
}

export interface ControlPlaneOptions {
  readonly config: Config;
  readonly authority: Authority;
  /** What is backed up each night with the database; without it, there are no nightly backups. */
  readonly secrets?: BackupSecrets;
  /** Whether the running version is confirmed: migrations wait for that. */
  readonly confirmed: Confirmed;
  /** The port for people, if it was opened while this process was root. */
  readonly port?: OpenPort | undefined;
  readonly version: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Returns the election's times from a configuration. */
function electionTimes({
  leadership: { lease, renewEvery, stepDownAfter },
}: Config): ElectionTimes {
  return {
    lease: lease * 1000,
    renewEvery: renewEvery * 1000,
    stepDownAfter: stepDownAfter * 1000,
  };
}

/**
 * Starts the control plane: migrates the database, then serves and checks its services repeatedly. If the database does
 * not answer or cannot be used, `facts` reports the problem, and the migration is tried again. While the running
 * version is not confirmed, pending migrations are only tried out, and everything else waits for them.
 */
export function startControlPlane(options: ControlPlaneOptions): ControlPlane {
  const { config, authority, secrets, confirmed, version, log, signal } = options;
  const database = openDatabase(selectDatabaseAddress(config), config.database.pool, log);
  const cache = openCache(config.redis.socket, log);
  const address = selectDatabaseAddress(config);
  const events = new EventFeed({ database, address, log, signal });
  const certificate = new PeopleCertificate({ database, authority, log, signal });
  let problem: string | undefined = 'the database is not migrated yet';
  let limited: string | undefined;
  /** Whether the database has the schema of this version; until then, nothing else uses the database. */
  let migrated = false;
  let schemaVersion: number | undefined;
  let mirrored = (): readonly MirrorState[] => [];
  const turn = pLimit(1);
  const inTurn: TreeTurn = (work) => turn(work);
  let servedPeople: ControlPlane['servedPeople'] = () => null;
  let servedNodes: NodeServer | undefined;
  let failureToServeNodes: string | undefined;
  let backups: NightlyBackups | undefined;
  let election: Election | undefined;
  let alerts: readonly OpenAlert[] = [];
  let isAuthorityAnnounced = false;
  let isForgetfulnessAnnounced = false;
  let services = UNASKED;

  const request = migrateRequest(config, { version, log });
  /** Names of the migrations that were already tried out. */
  let tried = '';
  const migrate = async (): Promise<'done' | 'held' | 'failed'> => {
    try {
      const { applied, pending } = await readMigrationStatus(request);
      schemaVersion = applied.length;
      const reason = await findReasonToHold(pending, confirmed);
      if (reason !== undefined) {
        await hold(pending, reason);
        return 'held';
      }
      if (limited !== undefined) {
        log.info('this version is confirmed: the migrations are applied now');
        limited = undefined;
        problem = 'the database is being migrated';
        await noteState();
      }
      const done = await migrateUp(request);
      schemaVersion = applied.length + pending.length;
      log.info(
        `the database has schema version ${schemaVersion}, ${done.length} migrations were applied now`,
      );
      problem = undefined;
      migrated = true;
      return 'done';
    } catch (error) {
      if (!(error instanceof ControlPlaneError)) throw error;
      if (error.message !== problem) log.error(error.message);
      problem = error.message;
      limited = undefined;
      await noteState();
      return 'failed';
    }
  };
  const hold = async (pending: readonly Migration[], reason: string) => {
    const names = pending.map(({ name }) => name).join();
    if (tried !== names) await tryMigrations(request);
    tried = names;
    if (reason !== limited) log.warning(reason);
    limited = reason;
    problem = undefined;
    await lookAtServices();
    await noteState();
  };
  const lookAtServices = async () => {
    const before = new Map(services.map(({ name, state }) => [name, state]));
    services = await askServices(config, database, { signal });
    for (const { name, state, problem: why } of services) {
      if (state === before.get(name)) continue;
      if (state === 'failed') log.warning(`${name} does not answer: ${why}`);
      else if (before.get(name) === 'failed') log.info(`${name} answers again`);
    }
  };
  const look = async () => {
    await lookAtServices();
    if (services.some(({ name, state }) => name === 'postgresql' && state === 'ok')) {
      await lookAtAlerts();
    }
    await noteState();
  };
  const lookAtAlerts = async () => {
    try {
      if (!isAuthorityAnnounced) {
        const { lost } = await announceAuthority(database.db, authority);
        if (lost !== undefined) log.error(lost);
        isAuthorityAnnounced = true;
      }
      if (!isForgetfulnessAnnounced) {
        await updatePersistenceAlert(database.db, new Date());
        isForgetfulnessAnnounced = true;
      }
      const notice = await takeNotice(database.db, config.etcd.notice);
      if (notice !== undefined) log.warning(notice);
      alerts = await listOpenAlertsOf(database.db, 'CONTROL_PLANE');
    } catch (error) {
      log.warning(`alerts cannot be looked at: ${error instanceof Error ? error.message : error}`);
    }
  };
  /** Why the file with the readiness could not be written. */
  let unwritten: string | undefined;
  const noteState = async () => {
    const why = problem ?? failureToServeNodes;
    const isWell = isReady({ problem: why, services });
    const reason = isWell ? undefined : (why ?? describeFailure(services));
    const failure = await writeState(config.socket, isWell ? 'ready' : 'failed', reason);
    if (failure !== undefined && failure !== unwritten) log.warning(failure);
    unwritten = failure;
  };
  const lead = async () => {
    const { openEtcd } = await import('./coordination/etcd.ts');
    const etcd = openEtcd(config.etcd.address);
    try {
      election = startElection({
        name: `${hostname()}, process ${process.pid}`,
        key: createLeaderKey(etcd),
        fence: createFence(database),
        clock: monotonicClock,
        times: electionTimes(config),
        log,
        signal,
      });
      await election.ended;
    } finally {
      etcd.close();
    }
  };
  const begun = (): Election => {
    if (election === undefined) throw new NotLeaderError();
    return election;
  };
  const leadership: Pick<Election, 'asLeader' | 'untilOvertaken'> = {
    asLeader: async (task) => await begun().asLeader(task),
    untilOvertaken: async (task) => await begun().untilOvertaken(task),
  };
  const serveAgents = async () => {
    // Import these after the first check, like etcd's client.
    const [{ serveNodes }, { openNodeState, readKept }, { ClaimLocks }, { startMonitor }] =
      await Promise.all([
        import('./node-service/serve.ts'),
        import('./reconciliation/node-state.ts'),
        import('./reconciliation/claim-locks.ts'),
        import('./monitor/monitor.ts'),
      ]);
    const { rollOut } = await import('./updates/roll-out.ts');
    const locks = new ClaimLocks();
    const clock = monotonicClock;
    const monitor = startMonitor({ database, leadership, locks, clock, log, signal });
    const rolled = rollOut({ database, leadership, clock, log, signal });
    const { onHeard } = monitor;
    const state = openNodeState({ database, leadership, locks, onHeard, log });
    const { agents } = config;
    const options = {
      ...{ database, address, authority, state, agents, version, log, signal },
      updates: config.updates.folder,
      readKept: (nodeId: string) => readKept(database.db, nodeId),
    };
    await serveAgain(
      async () => {
        servedNodes = await serveNodes(options);
        failureToServeNodes = undefined;
        const ended = servedNodes.ended.finally(() => {
          servedNodes = undefined;
        });
        return { ended };
      },
      (why) => {
        failureToServeNodes = why;
      },
    );
    await Promise.all([monitor.ended, rolled]);
  };
  /** Serves until the signal is aborted; retries after a failure. */
  const serveAgain = async (
    serve: () => Promise<{ ended: Promise<void> }>,
    onFailure: (why: string) => void = () => undefined,
  ) => {
    for (let lastMessage = ''; !signal.aborted; ) {
      try {
        const server = await serve();
        await server.ended;
      } catch (error) {
        const why = messageOf(error);
        if (why !== lastMessage && !signal.aborted) log.error(why);
        lastMessage = why;
        onFailure(why);
      }
      await monotonicClock.sleep(RETRY_AFTER, signal);
    }
  };
  const servePeople = async () => {
    const { servePeople: serve } = await import('./people/serve.ts');
    const { people } = config;
    const { port } = options;
    await serveAgain(async () => {
      const server = await serve({
        ...{ database, authority, certificate, people, port, events, health: facts, log, signal },
      });
      servedPeople = () => ({ port: server.port, fingerprint: server.fingerprint });
      const ended = server.ended.finally(() => {
        servedPeople = () => null;
      });
      return { ended };
    });
  };
  const tellAlerts = async () => {
    const [{ deliverAlerts, openReceivers }, { pruneAgainAndAgain }] = await Promise.all([
      import('./alerts/deliver.ts'),
      import('./events/prune.ts'),
    ]);
    const clock = monotonicClock;
    await Promise.all([
      deliverAlerts({
        ...{ database, leadership, feed: events, log, signal },
        receivers: openReceivers(config.alerts),
      }),
      pruneAgainAndAgain({ config, database, leadership, clock, log, signal }),
    ]);
  };
  const mirrorUpdates = async () => {
    const [{ keepMirror }, { readPinned }] = await Promise.all([
      import('./updates/keep-mirror.ts'),
      import('./database/repositories/rollouts.ts'),
    ]);
    const { updates } = config;
    const pinned = () => readPinned(database.db);
    const keeper = keepMirror({ updates, readPinned: pinned, inTurn, log, signal });
    mirrored = keeper.states;
    await keeper.ended;
  };
  const backUp = async () => {
    if (secrets === undefined) return;
    const { NightlyBackups: Backups } = await import('./backup/nightly.ts');
    backups = new Backups({ config, secrets, database, version, log, signal });
    await backups.work();
  };
  const lookAgainAndAgain = async () => {
    while (!signal.aborted) {
      await monotonicClock.sleep(LOOK_EVERY, signal);
      if (!signal.aborted) await look();
    }
  };
  /** Shows people who open the page why the control plane does not work yet. */
  const showReason = async () => {
    const { port } = options;
    if (port === undefined) return undefined;
    const { serveRecovery } = await import('./people/recovery.ts');
    return await serveRecovery(port, authority, () => limited ?? problem);
  };
  const work = async () => {
    await clearState(config.socket);
    let endRecovery: (() => void) | undefined;
    while (!signal.aborted) {
      const became = await migrate();
      if (became === 'done') break;
      endRecovery ??= await showReason();
      await monotonicClock.sleep(became === 'held' ? LOOK_EVERY : RETRY_AFTER, signal);
    }
    endRecovery?.();
    if (signal.aborted) return;
    // The boot waits for the first check, which therefore comes before loading etcd's client: that can take seconds.
    await look();
    await Promise.all([
      ...[lead(), events.work(), serveAgents(), servePeople()],
      ...[tellAlerts(), mirrorUpdates(), lookAgainAndAgain(), backUp()],
    ]);
  };
  /** Returns why the control plane does not serve; undefined if it does, or only waits for its confirmation. */
  const problemOfServing = () => {
    if (problem !== undefined || limited !== undefined || servedNodes !== undefined) return problem;
    return failureToServeNodes ?? 'hosts are not served yet';
  };
  const facts = async (): Promise<HealthFacts> => ({
    version,
    problem: problemOfServing(),
    limited,
    schemaVersion,
    leadership: election?.standing() ?? NO_ELECTION,
    services,
    alerts,
    persistent: await isPersistent(),
    pool: {
      total: database.pool.totalCount,
      idle: database.pool.idleCount,
      waiting: database.pool.waitingCount,
    },
    calls: servedNodes?.calls ?? [],
  });
  return {
    database,
    cache,
    authority,
    certificate,
    events,
    limited: () => (migrated ? undefined : (limited ?? problem)),
    mirrored: () => mirrored(),
    inTurn,
    servedPeople: () => servedPeople(),
    servedNodes: () => servedNodes,
    backups: () => backups,
    facts,
    ended: work().finally(async () => {
      cache.close();
      await database.close();
    }),
  };
}
