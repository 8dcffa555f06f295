import { sql, type Transaction } from 'kysely';
import { ControlPlaneError } from '../../error.ts';
import type { Database } from '../database.ts';
import type { DB } from '../schema.ts';

/** Thrown if another program has become the leader; nothing of the write was committed then. */
export class FencedError extends ControlPlaneError {
  constructor(own: number, present: number, holder: string) {
    super({
      what: `this program led with epoch ${own}, and ${holder} leads with epoch ${present}`,
      fix: 'Nothing was written. It asks for leadership again by itself.',
    });
  }
}

/**
 * Records a new leader. From then on, transactions of earlier leaders fail.
 * @param epoch its fencing token, the create revision of its key in etcd, larger than any before; if etcd started empty
 *   and counts from 1 again, the recorded epoch plus one is used instead
 * @returns the epoch to lead with
 */
export async function enterLeader(
  { db }: Database,
  { epoch, holder }: { epoch: number; holder: string },
): Promise<number> {
  const { rows } = await sql<{ epoch: number }>`
    UPDATE leadership SET epoch = greatest(${epoch}::bigint, epoch + 1), holder = ${holder}, since = now()
    RETURNING epoch`.execute(db);
  return rows[0]!.epoch;
}

/**
 * Runs a transaction as the leader. It locks the leadership's row until it ends, so that a paused program cannot write
 * after another one has taken over.
 * @throws FencedError if another program has become the leader; nothing is written then
 */
export async function writeAsLeader<T>(
  { db }: Database,
  epoch: number,
  work: (transaction: Transaction<DB>) => Promise<T>,
): Promise<T> {
  return await db.transaction().execute(async (transaction) => {
    const { rows } = await sql<Leadership>`
      SELECT epoch, holder FROM leadership FOR SHARE`.execute(transaction);
    expectEpoch(rows[0]!, epoch);
    return await work(transaction);
  });
}

/** The leader, as it is recorded. */
export interface Leadership {
  readonly epoch: number;
  readonly holder: string;
}

/** @throws FencedError if another program has become the leader */
export function expectEpoch(present: Leadership, epoch: number): void {
  if (present.epoch !== epoch) throw new FencedError(epoch, present.epoch, present.holder);
}
