import { messageOf } from '../../error.ts';
import type { Logger } from '../../log/logger.ts';
import type { MonotonicClock } from '../coordination/clock.ts';
import { type Election, NotLeaderError } from '../coordination/election.ts';
import type { Database } from '../database/database.ts';
import { FencedError, writeAsLeader } from '../database/repositories/leadership.ts';
import { advanceRollouts } from '../database/repositories/rollouts.ts';

/** Milliseconds between two steps. */
const LOOK_EVERY = 3000;

export interface RollOutOptions {
  readonly database: Database;
  /** Only the leader starts updates. */
  readonly leadership: Pick<Election, 'asLeader'>;
  readonly clock: MonotonicClock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Advances roll-outs, while this program is the leader, until the signal is aborted. */
export async function rollOut(options: RollOutOptions): Promise<void> {
  const { database, leadership, clock, log, signal } = options;
  const look = (epoch: number) =>
    writeAsLeader(database, epoch, (transaction) => advanceRollouts(transaction, new Date()));
  for (let reported = ''; !signal.aborted; ) {
    await clock.sleep(LOOK_EVERY, signal);
    if (signal.aborted) return;
    try {
      await leadership.asLeader(look);
      reported = '';
    } catch (error) {
      if (error instanceof NotLeaderError || error instanceof FencedError) continue;
      if (messageOf(error) !== reported)
        log.warning(`roll-outs cannot continue: ${messageOf(error)}`);
      reported = messageOf(error);
    }
  }
}
