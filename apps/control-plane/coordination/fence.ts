import { messageOf } from '../../error.ts';
import type { Database } from '../database/database.ts';
import { enterLeader, FencedError, writeAsLeader } from '../database/repositories/leadership.ts';
import { ControlPlaneError } from '../error.ts';
import type { Fence } from './election.ts';

/** Creates a fence in PostgreSQL, where leaders' transactions check the epoch. */
export function createFence(database: Database): Fence {
  return {
    enter: (entry) => explained(enterLeader(database, entry)),
    check: (epoch) => explained(writeAsLeader(database, epoch, async () => undefined)),
  };
}

async function explained<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof FencedError) throw cause;
    const why = messageOf(cause);
    throw new ControlPlaneError({ what: `PostgreSQL cannot tell who leads: ${why}`, cause });
  }
}
