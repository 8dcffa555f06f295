import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { insertRow, type NewRow, type Row } from '../rows.ts';

export type AuditEntry = Row<'auditLog'>;

/** What is entered; number, time and hash are the database's. */
export type NewAuditEntry = Omit<
  NewRow<'auditLog'>,
  'sequence' | 'id' | 'createdAt' | 'hash' | 'previousHash'
>;

/** Enters an action. In the transaction of the action itself both are kept or neither. */
export async function enterAudit(db: Executor, entry: NewAuditEntry): Promise<AuditEntry> {
  // A trigger sets these from the entry before.
  const chained = { sequence: 0, previousHash: Buffer.alloc(0), hash: Buffer.alloc(0) };
  return await insertRow(db, 'auditLog', { ...entry, ...chained });
}

/** Entries after one, in order. @param after number of the entry before the first, 0 for all */
export async function listAudit(
  db: Executor,
  { after, limit }: { after: number; limit: number },
): Promise<AuditEntry[]> {
  return await db
    .selectFrom('auditLog')
    .selectAll()
    .where('sequence', '>', after)
    .orderBy('sequence')
    .limit(limit)
    .execute();
}

/**
 * Counts the chain of hashes again.
 * @returns number of the first entry that was changed, or before which one was removed; `undefined` if the chain is whole
 */
export async function findBrokenAudit(db: Executor): Promise<number | undefined> {
  const { rows } = await sql<{ sequence: number }>`
    SELECT sequence FROM (
      SELECT sequence, hash, previous_hash, audit_log_content(entry) AS content,
        lag(hash, 1, '\\x') OVER ascending AS expected_hash, lag(sequence, 1, 0::bigint) OVER ascending AS before
      FROM audit_log AS entry WINDOW ascending AS (ORDER BY sequence)
    ) AS entry
    WHERE sequence <> before + 1 OR previous_hash <> expected_hash OR hash <> sha256(previous_hash || content)
    ORDER BY sequence LIMIT 1`.execute(db);
  return rows[0]?.sequence;
}
