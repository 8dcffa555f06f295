import { sql } from 'kysely';
import type { Database } from '../database/database.ts';
import { enterAudit } from '../database/repositories/audit-log.ts';
import { skipEventNumbers } from '../database/repositories/events.ts';

/**
 * Least increase of the leader's epoch: more than it can grow between a backup and its restore, so that a leader that
 * took over after the backup and was paused is fenced off. The new epoch is also at least the time in milliseconds,
 * which distinguishes several restores of one backup.
 */
const LEAP = 1_000_000;

/** Reason shown to people for tasks that the restore canceled. */
const REASON = 'the control plane was restored from a backup';

/** Where a restored database comes from. */
export interface Origin {
  /** Time of the backup, in ISO 8601. */
  readonly madeAt: string;
  /** Who restores the backup. */
  readonly by: string;
  readonly now: Date;
}

/**
 * Starts a new generation of a restored database, which does not contain what happened after the backup:
 *  - the current leader loses the leadership;
 *  - join tokens are revoked: they may have been used or revoked after the backup;
 *  - sessions end, and stored answers to requests are deleted: people may have logged out or lost their accounts;
 *  - unfinished tasks are canceled and roll-outs are paused: hosts may have carried them out, or received other orders;
 *  - every host is asked for its full state;
 *  - subscriptions to events restart: the last event that each received is unknown.
 *
 * An entry of the audit log records the restore. A host that joined after the backup has no record, and is refused
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
    await skipEventNumbers(transaction);
    await enterAudit(transaction, {
      ...{ action: 'control-plane.restore', username: by, resourceType: 'control-plane' },
      details: { madeAt },
    });
  });
}
