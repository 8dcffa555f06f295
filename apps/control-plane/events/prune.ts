import { messageOf } from '../../error.ts';
import type { Logger } from '../../log/logger.ts';
import { type Config, listReceivers } from '../config.ts';
import type { MonotonicClock } from '../coordination/clock.ts';
import { type Election, NotLeaderError } from '../coordination/election.ts';
import type { Database } from '../database/database.ts';
import { forgetReceivers } from '../database/repositories/alert-receivers.ts';
import { pruneAudit } from '../database/repositories/audit-log.ts';
import { pruneEvents } from '../database/repositories/events.ts';
import { FencedError, writeAsLeader } from '../database/repositories/leadership.ts';
import { pruneTasks } from '../database/repositories/tasks.ts';

/** Milliseconds between two runs, and in a day. */
const LOOK_EVERY = 10 * 60_000;
const DAY = 24 * 60 * 60_000;

/** Maximum number of events, tasks or entries of the audit log that one transaction removes. */
const AT_ONCE = 10_000;

export interface PruneOptions {
  readonly config: Pick<Config, 'events' | 'tasks' | 'audit' | 'alerts'>;
  readonly database: Database;
  /** Only the leader removes records. */
  readonly leadership: Pick<Election, 'asLeader'>;
  readonly clock: MonotonicClock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Until the signal is aborted, and only while this program is the leader, removes events, tasks and entries of the
 * audit log that are beyond the configured retention, and receivers of alerts that are no longer configured.
 */
export async function pruneAgainAndAgain(options: PruneOptions): Promise<void> {
  const { config, database, leadership, clock, log, signal } = options;
  const ago = (days: number) => new Date(Date.now() - days * DAY);
  const events = (epoch: number) =>
    writeAsLeader(database, epoch, async (transaction) => {
      await forgetReceivers(transaction, listReceivers(config.alerts), new Date());
      const { most: keep, days } = config.events;
      return await pruneEvents(transaction, { keep, before: ago(days), most: AT_ONCE });
    });
  const tasks = (epoch: number) =>
    writeAsLeader(database, epoch, (transaction) =>
      pruneTasks(transaction, { before: ago(config.tasks.days), most: AT_ONCE }),
    );
  const entries = (epoch: number) =>
    writeAsLeader(database, epoch, (transaction) =>
      pruneAudit(transaction, { before: ago(config.audit.days), most: AT_ONCE }),
    );
  const removeAll = async (what: string, look: (epoch: number) => Promise<number>) => {
    try {
      let count = 0;
      for (let isMore = true; isMore && !signal.aborted; ) {
        const gone = await leadership.asLeader(look);
        count += gone;
        isMore = gone === AT_ONCE;
      }
      if (count > 0) log.info(`${count} old ${what} were removed`);
    } catch (error) {
      if (!(error instanceof NotLeaderError || error instanceof FencedError)) {
        log.warning(`old ${what} cannot be removed: ${messageOf(error)}`);
      }
    }
  };
  while (!signal.aborted) {
    await removeAll('events', events);
    await removeAll('tasks', tasks);
    await removeAll('entries of the audit log', entries);
    await clock.sleep(LOOK_EVERY, signal);
  }
}
