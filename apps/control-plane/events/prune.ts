import { messageOf } from '../../error.ts';
import type { Logger } from '../../log/logger.ts';
import { type Config, receiversOf } from '../config.ts';
import type { MonotonicClock } from '../coordination/clock.ts';
import { type Election, NotLeaderError } from '../coordination/election.ts';
import type { Database } from '../database/database.ts';
import { forgetReceivers } from '../database/repositories/alert-receivers.ts';
import { pruneEvents } from '../database/repositories/events.ts';
import { FencedError, writeAsLeader } from '../database/repositories/leadership.ts';

/** Milliseconds between two runs, and in a day. */
const LOOK_EVERY = 10 * 60_000;
const DAY = 24 * 60 * 60_000;

/** Events that are removed in one transaction. */
const AT_ONCE = 10_000;

export interface PruneOptions {
  readonly config: Pick<Config, 'events' | 'alerts'>;
  readonly database: Database;
  /** Only the leader removes events. */
  readonly leadership: Pick<Election, 'asLeader'>;
  readonly clock: MonotonicClock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Removes, while this program is the leader, events and receivers of alerts beyond the configured retention, until the
 * signal is aborted.
 */
export async function pruneAgainAndAgain(options: PruneOptions): Promise<void> {
  const { config, database, leadership, clock, log, signal } = options;
  const { most, days } = config.events;
  const look = (epoch: number) =>
    writeAsLeader(database, epoch, async (transaction) => {
      const now = new Date();
      await forgetReceivers(transaction, receiversOf(config.alerts), now);
      const before = new Date(now.getTime() - days * DAY);
      return await pruneEvents(transaction, { keep: most, before, most: AT_ONCE });
    });
  while (!signal.aborted) {
    try {
      let count = 0;
      for (let isMore = true; isMore && !signal.aborted; ) {
        const gone = await leadership.asLeader(look);
        count += gone;
        isMore = gone === AT_ONCE;
      }
      if (count > 0) log.info(`${count} old events were removed`);
    } catch (error) {
      if (!(error instanceof NotLeaderError || error instanceof FencedError)) {
        log.warning(`old events cannot be removed: ${messageOf(error)}`);
      }
    }
    await clock.sleep(LOOK_EVERY, signal);
  }
}
