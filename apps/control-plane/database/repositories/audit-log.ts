import { type Kysely, sql, type Transaction } from 'kysely';
import * as z from 'zod';
import type { AuditFinding, AuditVerdict, FleetAuditEntry } from '../../../api/audit.ts';
import type { Executor } from '../database.ts';
import { insertRow, type NewRow, type Row } from '../rows.ts';
import type { DB } from '../schema.ts';

export type AuditEntry = Row<'auditLog'>;

/** Values of a new entry; the database sets number, time and hashes. */
export type NewAuditEntry = Omit<
  NewRow<'auditLog'>,
  'sequence' | 'id' | 'createdAt' | 'hash' | 'previousHash'
>;

/** Selects entries; a field that is absent selects all. */
export interface AuditFilter {
  /** An action, or the first words of actions: `node` selects all that begin with `node.`. */
  readonly action?: string | undefined;
  readonly username?: string | undefined;
  readonly resourceId?: string | undefined;
  readonly result?: 'success' | 'failure' | undefined;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
}

/** Number of entries per read of the whole log. */
const PAGE = 5000;

/** Action of the entry that the database writes when the anchor moves. */
const PRUNED = 'audit.pruned';

/** Maximum number of findings in a verdict. */
const MOST_FINDINGS = 100;

/**
 * Writes an entry, which must not contain secrets, to the audit log. If `db` is the transaction of the action, both are
 * committed, or neither is.
 */
export async function enterAudit(db: Executor, entry: NewAuditEntry): Promise<AuditEntry> {
  // A trigger sets these from the previous entry.
  const chained = { sequence: 0, previousHash: Buffer.alloc(0), hash: Buffer.alloc(0) };
  return await insertRow(db, 'auditLog', { ...entry, ...chained });
}

/**
 * Locks the log's head, so that this transaction writes the next entry. A transaction that writes to the log and
 * changes alerts must call this, or write its entry, before it changes the alerts: otherwise two such transactions can
 * deadlock.
 */
export async function holdAudit(transaction: Transaction<DB>): Promise<void> {
  await sql`SELECT FROM audit_log_head FOR UPDATE`.execute(transaction);
}

/**
 * Lists entries in order: the first ones after a number, or the last ones before a number.
 * @param after number of the entry before the first, 0 for all
 * @param before number of the entry after the last; without both, the newest entries
 */
export async function listAudit(
  db: Executor,
  {
    after,
    before,
    limit,
    filter = {},
  }: {
    after?: number | undefined;
    before?: number | undefined;
    limit: number;
    filter?: AuditFilter;
  },
): Promise<AuditEntry[]> {
  const { action, username, resourceId, result, since, until } = filter;
  let query = db.selectFrom('auditLog').selectAll();
  if (after !== undefined) query = query.where('sequence', '>', after);
  if (before !== undefined) query = query.where('sequence', '<', before);
  if (action !== undefined) {
    query = query.where((where) =>
      where.or([where('action', '=', action), sql<boolean>`starts_with(action, ${`${action}.`})`]),
    );
  }
  if (username !== undefined) query = query.where('username', '=', username);
  if (resourceId !== undefined) query = query.where(sql`resource_id::text`, '=', resourceId);
  if (result !== undefined) query = query.where('status', '=', result);
  if (since !== undefined) query = query.where('createdAt', '>=', since);
  if (until !== undefined) query = query.where('createdAt', '<', until);
  const isForward = after !== undefined;
  const rows = await query
    .orderBy('sequence', isForward ? 'asc' : 'desc')
    .limit(limit)
    .execute();
  return isForward ? rows : rows.reverse();
}

/** Converts an entry for people. */
export function describeAuditEntry(entry: AuditEntry): FleetAuditEntry {
  const { sequence, id, username, userId, action, details, userAgent } = entry;
  return {
    ...{ sequence, id, username, userId, action, userAgent },
    at: entry.createdAt.toISOString(),
    resource: { type: entry.resourceType, id: entry.resourceId, name: entry.resourceName },
    result: entry.status === 'failure' ? 'failure' : 'success',
    details: { ...(details as Record<string, unknown>) },
    address: entry.ipAddress,
    hash: entry.hash.toString('hex'),
  };
}

/** The fields of an entry that the chain check uses. */
export interface ChainLink {
  readonly sequence: number;
  readonly previousHash: string;
  readonly hash: string;
  /** Whether the stored hash equals the one computed from the previous hash and the present content. */
  readonly isOwnHash: boolean;
}

/** The head of the chain, which is stored apart from the entries. */
export type ChainHead = Pick<ChainLink, 'sequence' | 'hash'>;

/** The last entry that was removed for its age, after which the chain begins; number 0 if none was. */
export type ChainAnchor = ChainHead;

const BEGINNING: ChainAnchor = { sequence: 0, hash: '' };

/**
 * Verifies the chain of hashes, entry by entry; its format is described in `docs/database.md`. Findings:
 *  - changed: the content of the entry does not match its hash.
 *  - removed: these entries are missing, though later ones or the head show that they existed.
 *  - inserted: the next entry links to the entry before this one; or this one comes after the head.
 *  - unlinked: the entry does not link to the previous one: either that one was replaced, or an entry between them was
 *    removed.
 *
 * Each move of the anchor is recorded by an entry. If no entry records the present anchor, all entries up to it count
 * as removed.
 */
export class ChainCheck {
  readonly findings: AuditFinding[] = [];
  readonly #anchor: ChainAnchor;
  #last: ChainLink;
  #lastButOne: ChainLink | undefined;
  #entries = 0;
  /** The newest anchor that an entry records. */
  #told = BEGINNING;

  constructor(anchor: ChainAnchor = BEGINNING) {
    this.#anchor = anchor;
    this.#last = { ...anchor, previousHash: '', isOwnHash: true };
  }

  /**
   * Adds the next entry, in the order of numbers.
   * @param moved the new anchor, if the entry records a move of the anchor
   */
  add(link: ChainLink, moved?: ChainAnchor): void {
    const last = this.#last;
    if (link.sequence <= this.#anchor.sequence) {
      this.#find('inserted', link.sequence);
      return;
    }
    if (moved !== undefined && link.isOwnHash) this.#told = moved;
    const isGap = link.sequence !== last.sequence + 1;
    if (isGap) this.#find('removed', last.sequence + 1, link.sequence - 1);
    else if (link.previousHash !== last.hash) {
      if (link.previousHash === this.#lastButOne?.hash) this.#find('inserted', last.sequence);
      else this.#find('unlinked', link.sequence);
    }
    if (!link.isOwnHash) this.#find('changed', link.sequence);
    this.#lastButOne = isGap ? undefined : last;
    this.#last = link;
    this.#entries += 1;
  }

  /** Ends the check after all entries were added. @returns the verdict */
  end(head: ChainHead): AuditVerdict {
    const { sequence, hash } = this.#last;
    if (sequence < head.sequence) this.#find('removed', sequence + 1, head.sequence);
    else if (sequence > head.sequence) this.#find('inserted', head.sequence + 1, sequence);
    else if (hash !== head.hash && this.#last.isOwnHash) this.#find('changed', sequence);
    const anchor = this.#anchor;
    const isTold = anchor.sequence === this.#told.sequence && anchor.hash === this.#told.hash;
    if (!isTold && anchor.sequence > 0) this.#find('removed', 1, anchor.sequence);
    const findings = this.findings.slice(0, MOST_FINDINGS);
    return { entries: this.#entries, anchor, head, findings };
  }

  #find(what: AuditFinding['what'], from: number, to = from): void {
    if (this.findings.length < MOST_FINDINGS) this.findings.push({ what, from, to });
  }
}

/** The details of an entry about a move of the anchor. */
const movedSchema = z.object({ through: z.int(), hash: z.string() });

/**
 * Recomputes the chain of hashes over all present entries.
 * @param noted a head that was noted earlier: its entry must still exist, unless it is one before the anchor
 */
export async function verifyAudit(db: Kysely<DB>, noted?: ChainHead): Promise<AuditVerdict> {
  return await db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (transaction) => {
      const { rows: heads } = await sql<ChainHead>`
        SELECT sequence, encode(hash, 'hex') AS hash FROM audit_log_head`.execute(transaction);
      const { rows: anchors } = await sql<ChainAnchor>`
        SELECT sequence, encode(hash, 'hex') AS hash FROM audit_log_anchor`.execute(transaction);
      const [anchor = BEGINNING] = anchors;
      const check = new ChainCheck(anchor);
      let notedHash = noted?.sequence === anchor.sequence ? anchor.hash : undefined;
      for (let after = 0, isEnd = false; !isEnd; ) {
        const { rows } = await sql<ChainLink & { moved: unknown }>`
          SELECT sequence, encode(previous_hash, 'hex') AS previous_hash, encode(hash, 'hex') AS hash,
            hash = sha256(previous_hash || audit_log_content(entry)) AS is_own_hash,
            CASE action WHEN ${PRUNED} THEN details END AS moved
          FROM audit_log AS entry WHERE sequence > ${after} ORDER BY sequence LIMIT ${PAGE}`.execute(
          transaction,
        );
        for (const { moved, ...link } of rows) {
          const { data } = movedSchema.safeParse(moved);
          const told = data === undefined ? undefined : { sequence: data.through, hash: data.hash };
          check.add(link, told);
          if (link.sequence === noted?.sequence) notedHash = link.hash;
        }
        after = rows.at(-1)?.sequence ?? after;
        isEnd = rows.length < PAGE;
      }
      const verdict = check.end(heads[0] ?? BEGINNING);
      const isKnown = noted !== undefined && noted.sequence >= anchor.sequence;
      if (!isKnown || notedHash === noted.hash) return verdict;
      const what = notedHash === undefined ? 'removed' : 'changed';
      const finding = { what, from: noted.sequence, to: noted.sequence } as const;
      return { ...verdict, findings: [...verdict.findings, finding] };
    });
}

/**
 * Removes the oldest entries and moves the anchor to the last removed one, which the database records by an entry.
 * Nothing happens until the oldest entry was made more than a day before `before`, so that there is usually only one
 * such entry a day.
 * @param before entries made before this time are removed
 * @param most entries that are removed at once
 * @returns how many were removed
 */
export async function pruneAudit(
  transaction: Transaction<DB>,
  { before, most }: { before: Date; most: number },
): Promise<number> {
  await holdAudit(transaction);
  const { rows } = await sql<{ sequence: number }>`
    WITH oldest AS (SELECT sequence, created_at FROM audit_log ORDER BY sequence LIMIT 1),
      kept AS (SELECT sequence FROM audit_log WHERE created_at >= ${before} ORDER BY sequence LIMIT 1)
    UPDATE audit_log_anchor AS anchor SET sequence = entry.sequence, hash = entry.hash
    FROM (
      SELECT audit_log.sequence, hash FROM audit_log, oldest
      WHERE oldest.created_at < ${before}::timestamptz - interval '1 day'
        AND audit_log.sequence < oldest.sequence + ${most}
        AND audit_log.sequence < coalesce((SELECT sequence FROM kept), 9223372036854775807)
      ORDER BY audit_log.sequence DESC LIMIT 1
    ) AS entry
    RETURNING anchor.sequence`.execute(transaction);
  const [moved] = rows;
  if (moved === undefined) return 0;
  const { numDeletedRows } = await transaction
    .deleteFrom('auditLog')
    .where('sequence', '<=', moved.sequence)
    .executeTakeFirst();
  return Number(numDeletedRows);
}
