import { sql } from 'kysely';
import type { Database } from '../database/database.ts';
import { enterAudit } from '../database/repositories/audit-log.ts';
import { leaveEventNumbersOut } from '../database/repositories/events.ts';

/**
 * By how much the leader's epoch is raised at least: more than it grew between a backup and its restore. So a program that led
 * after the backup and was paused leads no more. That it is no smaller than the time in milliseconds tells restores of one backup
 * apart.
 */
const LEAP = 1_000_000;

/** Why what was under way is not any more, for people. */
const REASON = 'the control plane was restored from a backup';

/** Where a restored database comes from. */
export interface Origin {
  /** When the backup was made. */
  readonly madeAt: string;
  /** Who restores it. */
  readonly by: string;
  readonly now: Date;
}

/**
 * Makes a restored database the beginning of something new, since what happened after the backup is not known to it:
 *  - whoever led, leads no more;
 *  - join tokens are revoked: they may have been used, or revoked, since;
 *  - sessions end: people may have logged out, or lost their accounts, since; requests that were answered are forgotten;
 *  - tasks that were under way are canceled, and roll-outs pause: hosts may have done them, or be told otherwise, since;
 *  - every host is asked for its full state;
 *  - listeners to events begin anew: what they heard last is not known.
 * An entry of the audit log says so. A host that joined after the backup has no record, and is refused as such
 * (`ADOPTION_PENDING`).
 */
export async function beginGeneration(
  { db }: Database,
  { madeAt, by, now }: Origin,
): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    const statements = [
      sql`UPDATE leadership SET epoch = greatest(epoch + ${LEAP}, ${now.getTime()}::bigint), holder = '', since = ${now}`,
      sql`UPDATE join_tokens SET revoked_at = ${now} WHERE revoked_at IS NULL`,
      sql`UPDATE sessions SET ended_at = ${now} WHERE ended_at IS NULL`,
      sql`DELETE FROM idempotent_requests`,
      sql`
        UPDATE tasks SET state = 'CANCELED', error_code = 'INTERRUPTED', error_message = ${REASON}, finished_at = ${now}
        WHERE finished_at IS NULL`,
      sql`UPDATE update_rollouts SET state = 'PAUSED', reason = ${REASON} WHERE state = 'RUNNING'`,
      sql`UPDATE nodes SET full_state_wanted_at = ${now}`,
    ];
    for (const statement of statements) await statement.execute(transaction);
    await leaveEventNumbersOut(transaction);
    await enterAudit(transaction, {
      ...{ action: 'control-plane.restore', username: by, resourceType: 'control-plane' },
      details: { madeAt },
    });
  });
}
