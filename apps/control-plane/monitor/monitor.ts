import { sql } from 'kysely';
import { messageOf } from '../../error.ts';
import type { Logger } from '../../log/logger.ts';
import type { MonotonicClock } from '../coordination/clock.ts';
import { type Election, NotLeaderError } from '../coordination/election.ts';
import type { Database, Executor } from '../database/database.ts';
import { raiseAlert } from '../database/repositories/alerts.ts';
import { FencedError, writeAsLeader } from '../database/repositories/leadership.ts';
import type { NodePhase } from '../database/repositories/nodes.ts';
import { HEARTBEAT_INTERVAL, MISSED_HEARTBEATS } from '../heartbeat-times.ts';
import type { ClaimLocks } from '../reconciliation/claim-locks.ts';
import { lockNodes } from '../reconciliation/node-records.ts';
import { settleContested } from '../reconciliation/node-state.ts';
import { DECIDED } from '../reconciliation/phase.ts';
import { NodeWatch } from './watch.ts';

/** Titles of the alerts, by which they are found again. */
const SILENT_NODE = 'The host is not heard of';
const MASS_SILENCE = 'Most hosts went silent at once';

export interface MonitorOptions {
  readonly database: Database;
  /** Only the leader records that nodes are silent. */
  readonly leadership: Pick<Election, 'asLeader'>;
  /** The locks of `openNodeState`. */
  readonly locks: ClaimLocks;
  readonly clock: MonotonicClock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Seconds between two heartbeats of a node. */
  readonly heartbeatInterval?: number;
}

/** Watches whether nodes send messages. */
export interface Monitor {
  /** Records that a message of a node was received. */
  readonly onHeard: (nodeId: string) => void;
  /** Resolves after the signal is aborted and all work has ended. */
  readonly ended: Promise<void>;
}

interface KnownNode {
  readonly id: string;
  readonly hostname: string;
  readonly phase: NodePhase;
  readonly hasAlert: boolean;
}

/** Checks repeatedly, while this program is the leader, which nodes are silent, and records the consequences. */
export function startMonitor(options: MonitorOptions): Monitor {
  const { database, leadership, locks, clock, log, signal } = options;
  const interval = (options.heartbeatInterval ?? HEARTBEAT_INTERVAL) * 1000;
  const watch = new NodeWatch(interval);
  let ledWith: number | undefined;
  /** Nodes that are known to be silent in a phase that silence does not end. */
  let silent = new Set<string>();
  let reported = '';

  const look = async (epoch: number) => {
    if (ledWith !== epoch) {
      watch.begin(clock.now());
      silent = new Set();
    }
    ledWith = epoch;
    const nodes = await readNodes(database.db);
    const { overdue, isMassOpen } = await readAlerts(database.db);
    const decisions = watch.look(nodes, clock.now());
    const isMass = decisions.isMass ?? isMassOpen;
    const wanted = new Set(decisions.alert);
    const alerts = nodes.filter(({ id, hasAlert }) => wanted.has(id) && !hasAlert);
    const longest = (MISSED_HEARTBEATS + 1) * interval;
    const nowSilent = nodes
      .filter(({ id, phase }) => DECIDED.has(phase) && watch.silence(id, clock.now()) > longest)
      .map(({ id }) => id);
    const left = nowSilent.filter((id) => !silent.has(id));
    const changes = decisions.disconnect.length + left.length + alerts.length + overdue.length;
    if (changes === 0 && isMassOpen === isMass) {
      // Nodes that are heard again must count as newly silent the next time.
      silent = new Set(nowSilent);
      return;
    }
    using held = locks.begin();
    await writeAsLeader(database, epoch, async (transaction) => {
      const now = new Date();
      // Leave out nodes that were heard since the check.
      const gone = decisions.disconnect.filter((id) => watch.silence(id, clock.now()) > interval);
      const disconnected = await disconnect(transaction, gone);
      const lock = (ids: Iterable<string>) => held.lock(ids);
      const unheard = [...disconnected, ...left];
      if (unheard.length > 0) await settleContested({ transaction, now, lock }, unheard);
      await resolveNodes(transaction, now);
      for (const { id, hostname, phase } of alerts) {
        if (phase !== 'DISCONNECTED' && !disconnected.includes(id)) continue;
        await raiseAlert(transaction, {
          severity: 'CRITICAL',
          title: SILENT_NODE,
          message: `nothing was heard of it for ${(MISSED_HEARTBEATS * interval) / 1000} seconds: its virtual machines are shown as they were seen last`,
          ...{ sourceType: 'HOST', sourceId: id, sourceName: hostname },
        });
      }
      if (isMass && !isMassOpen) await raiseMass(transaction);
      if (!isMass && isMassOpen) await resolveMass(transaction, now);
    });
    silent = new Set(nowSilent);
    if (isMass && !isMassOpen) log.warning('most hosts went silent at once');
    for (const id of decisions.disconnect) log.warning(`${id} is not heard of`);
  };

  const work = async () => {
    while (!signal.aborted) {
      // Jitter keeps checks from aligning with heartbeats.
      await clock.sleep((interval / 6) * (0.8 + 0.4 * Math.random()), signal);
      if (signal.aborted) return;
      try {
        await leadership.asLeader(look);
        reported = '';
      } catch (error) {
        if (error instanceof NotLeaderError || error instanceof FencedError) ledWith = undefined;
        else if (messageOf(error) !== reported) {
          reported = messageOf(error);
          log.warning(`silent hosts cannot be looked for: ${reported}`);
        }
      }
    }
  };
  return { onHeard: (id) => watch.heard(id, clock.now()), ended: work() };
}

/** Reads all members, and whether there is already an alert about their silence. */
async function readNodes(db: Executor): Promise<KnownNode[]> {
  const { rows } = await sql<KnownNode>`
    SELECT node.id, node.hostname, node.phase, EXISTS (
      SELECT FROM alerts WHERE source_type = 'HOST' AND source_id = node.id AND title = ${SILENT_NODE}
        AND resolved_at IS NULL) AS has_alert
    FROM nodes AS node
    WHERE NOT EXISTS (SELECT FROM departed_nodes AS gone WHERE gone.node_id = node.id)`.execute(db);
  return rows;
}

/** Open alerts about nodes that are heard again, or are no longer members. */
const OVERDUE = sql`source_type = 'HOST' AND title = ${SILENT_NODE} AND resolved_at IS NULL AND NOT EXISTS (
  SELECT FROM nodes AS node WHERE node.id = alerts.source_id AND node.phase = 'DISCONNECTED'
    AND NOT EXISTS (SELECT FROM departed_nodes AS gone WHERE gone.node_id = node.id))`;

async function readAlerts(db: Executor): Promise<{ overdue: unknown[]; isMassOpen: boolean }> {
  const { rows: overdue } = await sql`SELECT id FROM alerts WHERE ${OVERDUE}`.execute(db);
  const { rows: mass } = await sql`
    SELECT id FROM alerts
    WHERE source_type = 'CONTROL_PLANE' AND title = ${MASS_SILENCE} AND resolved_at IS NULL`.execute(
    db,
  );
  return { overdue, isMassOpen: mass.length > 0 };
}

/** Sets those nodes to DISCONNECTED that are still in a phase that silence ends. @returns their ids */
async function disconnect(db: Executor, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  await lockNodes(db, ids);
  const { rows } = await sql<{ id: string }>`
    UPDATE nodes SET phase = 'DISCONNECTED'
    WHERE id = ANY (${ids}::uuid[]) AND phase IN ('READY', 'NOT_READY')
    RETURNING id`.execute(db);
  return rows.map(({ id }) => id);
}

async function resolveNodes(db: Executor, now: Date): Promise<void> {
  await sql`UPDATE alerts SET resolved_at = ${now} WHERE ${OVERDUE}`.execute(db);
}

async function raiseMass(db: Executor): Promise<void> {
  await raiseAlert(db, {
    severity: 'CRITICAL',
    title: MASS_SILENCE,
    message: 'more likely the control plane is cut off: check its network',
    ...{ sourceType: 'CONTROL_PLANE', sourceName: 'monitor' },
  });
}

async function resolveMass(db: Executor, now: Date): Promise<void> {
  await sql`
    UPDATE alerts SET resolved_at = ${now}
    WHERE source_type = 'CONTROL_PLANE' AND title = ${MASS_SILENCE} AND resolved_at IS NULL`.execute(
    db,
  );
}
