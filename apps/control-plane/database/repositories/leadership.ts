import { sql, type Transaction } from 'kysely';
import { ControlPlaneError } from '../../error.ts';
import type { Database } from '../database.ts';
import type { DB } from '../schema.ts';

/** Another program leads: what this one wanted to write as the leader was not written. */
export class FencedError extends ControlPlaneError {
  constructor(own: number, present: number, holder: string) {
    super({
      what: `this program led with epoch ${own}, and ${holder} leads with epoch ${present}`,
      fix: 'Nothing was written. It asks for leadership again by itself.',
    });
  }
}

/**
 * Enters a new leader. From then on transactions of leaders before it fail.
 * @param epoch its fencing token, larger than any before (etcd's create revision of its key); where etcd began anew and
 *   counts from 1 again, the next larger one of what the database has counts
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
 * Works in a transaction as the leader. The leadership's row is locked against a change for as long, so that a program that
 * was paused cannot write after another one took over.
 * @throws FencedError if another program leads by now; nothing is written then
 */
export async function writeAsLeader<T>(
  { db }: Database,
  epoch: number,
  work: (transaction: Transaction<DB>) => Promise<T>,
): Promise<T> {
  return await db.transaction().execute(async (transaction) => {
    const { rows } = await sql<{ epoch: number; holder: string }>`
      SELECT epoch, holder FROM leadership FOR SHARE`.execute(transaction);
    const present = rows[0]!;
    if (present.epoch !== epoch) throw new FencedError(epoch, present.epoch, present.holder);
    return await work(transaction);
  });
}
