import { type RawBuilder, sql, type Transaction } from 'kysely';
import type { EventSubject, FleetEvent } from '../../../api/events.ts';
import type { Executor } from '../database.ts';
import { insertRow } from '../rows.ts';
import type { DB } from '../schema.ts';

/** What happened. Most is written by triggers of migration 11; this is for what no row of another table tells. */
export interface NewEvent {
  /** Two words with a dot: `user.logged-in`. */
  readonly kind: string;
  readonly subject: FleetEvent['subject'];
  readonly nodeId?: string;
  /** Nothing secret: whoever may read the subject reads this. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Which events are wanted; all if nothing is said. */
export interface EventFilter {
  /** Kinds, or the first words of kinds: `vm` is all that begin with `vm.`. */
  readonly kinds?: readonly string[] | undefined;
  readonly subjectTypes?: readonly EventSubject[] | undefined;
  readonly subjectId?: string | undefined;
  readonly nodeId?: string | undefined;
}

/** Between which numbers a listener may resume. */
export interface EventBounds {
  /** Number of the last event; 0 if there was none. */
  readonly last: number;
  /** The smallest number that a listener may have seen last: after a smaller one events are gone. */
  readonly resumableFrom: number;
}

/** Numbers that a restore leaves out at least: more than there can be events between two backups. */
const NUMBERS_LEFT_OUT = 1_000_000_000;

/**
 * Writes an event: it happens when the transaction commits, or not at all.
 * @throws RefusedChangeError
 */
export async function writeEvent(
  db: Executor,
  { kind, subject, nodeId, data = {} }: NewEvent,
): Promise<void> {
  await insertRow(db, 'unnumberedEvents', {
    ...{ kind, subjectType: subject.type, subjectId: subject.id, subjectName: subject.name },
    ...{ nodeId: nodeId ?? null, data: JSON.stringify(data) },
  });
}

/** Gives numbers to events that have none yet. @returns how many were numbered, at most that many */
export async function numberEvents(db: Executor, most: number): Promise<number> {
  const { rows: waiting } = await sql`SELECT FROM unnumbered_events LIMIT 1`.execute(db);
  if (waiting.length === 0) return 0;
  const { rows } = await sql<{ numbered: number }>`
    SELECT number_events(${most}) AS numbered`.execute(db);
  return rows[0]!.numbered;
}

export async function readEventBounds(db: Executor): Promise<EventBounds> {
  return await db
    .selectFrom('eventNumbering')
    .select(['last', 'resumableFrom'])
    .executeTakeFirstOrThrow();
}

/** Events after one, in their order. @param after number of the one before the first, 0 for all that there are */
export async function listEvents(
  db: Executor,
  { after, limit, filter = {} }: { after: number; limit: number; filter?: EventFilter },
): Promise<FleetEvent[]> {
  const { rows } = await sql<EventRow>`
    SELECT * FROM events WHERE id > ${after} AND ${condition(filter)} ORDER BY id LIMIT ${limit}`.execute(
    db,
  );
  return rows.map(toEvent);
}

/** The newest events, in their order. */
export async function listNewestEvents(
  db: Executor,
  { limit, filter = {} }: { limit: number; filter?: EventFilter },
): Promise<FleetEvent[]> {
  const { rows } = await sql<EventRow>`
    SELECT * FROM events WHERE ${condition(filter)} ORDER BY id DESC LIMIT ${limit}`.execute(db);
  return rows.map(toEvent).reverse();
}

/** Whether an event is wanted: what `listEvents` does in the database. */
export function isWanted(event: FleetEvent, filter: EventFilter): boolean {
  const { kinds, subjectTypes, subjectId, nodeId } = filter;
  const { kind, subject } = event;
  return (
    (kinds === undefined || kinds.some((one) => kind === one || kind.startsWith(`${one}.`))) &&
    (subjectTypes === undefined || subjectTypes.includes(subject.type)) &&
    (subjectId === undefined || subject.id === subjectId) &&
    (nodeId === undefined || event.nodeId === nodeId)
  );
}

/**
 * Removes old events. No more are looked at than go at once: a statement may take a few seconds only, however many there are.
 * @param keep events that stay at most, the newest
 * @param before those that happened before go, too
 * @param most events that go at once, at most
 * @returns how many were removed; if that is `most`, there may be more
 */
export async function pruneEvents(
  db: Transaction<DB>,
  { keep, before, most }: { keep: number; before: Date; most: number },
): Promise<number> {
  const { rows } = await sql<{ through: number | null }>`
    WITH oldest AS (SELECT id, happened_at FROM events ORDER BY id LIMIT ${most})
    SELECT greatest(
      least((SELECT last FROM event_numbering) - ${keep}::bigint, (SELECT max(id) FROM oldest)),
      (SELECT max(id) FROM oldest WHERE happened_at < ${before})) AS through`.execute(db);
  const through = rows[0]?.through ?? 0;
  if (through <= 0) return 0;
  const { numAffectedRows } = await sql`DELETE FROM events WHERE id <= ${through}`.execute(db);
  await sql`
    UPDATE event_numbering SET resumable_from = greatest(resumable_from, ${through}::bigint)
    WHERE resumable_from < ${through}`.execute(db);
  return Number(numAffectedRows ?? 0n);
}

/**
 * Leaves numbers out, so that those that were given after a backup, and are lost with a restore of it, are not given again:
 * listeners that saw them are told to start from a list. To be called once after each restore. What was given after an earlier
 * restore of the same backup is known to nobody here: numbers go on from the time in microseconds, which there are more of than
 * events.
 */
export async function leaveEventNumbersOut(db: Executor): Promise<void> {
  await sql`
    UPDATE event_numbering SET last = first, resumable_from = first
    FROM (
      SELECT greatest(last + ${NUMBERS_LEFT_OUT}::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint) AS first
      FROM event_numbering
    ) AS beginning`.execute(db);
}

interface EventRow {
  readonly id: number;
  readonly kind: string;
  readonly subjectType: EventSubject;
  readonly subjectId: string;
  readonly subjectName: string;
  readonly nodeId: string | null;
  readonly data: Record<string, unknown>;
  readonly happenedAt: Date;
}

function toEvent(row: EventRow): FleetEvent {
  const { id, kind, subjectType, subjectId, subjectName, nodeId, data, happenedAt } = row;
  return {
    ...{ id, kind, nodeId, data },
    subject: { type: subjectType, id: subjectId, name: subjectName },
    happenedAt: happenedAt.toISOString(),
  };
}

function condition({ kinds, subjectTypes, subjectId, nodeId }: EventFilter): RawBuilder<unknown> {
  const parts = [
    kinds === undefined
      ? sql`true`
      : sql`(kind = ANY (${kinds}::text[]) OR split_part(kind, '.', 1) = ANY (${kinds}::text[]))`,
    subjectTypes === undefined ? sql`true` : sql`subject_type = ANY (${subjectTypes}::text[])`,
    subjectId === undefined ? sql`true` : sql`subject_id = ${subjectId}`,
    nodeId === undefined ? sql`true` : sql`node_id::text = ${nodeId}`,
  ];
  return sql.join(parts, sql` AND `);
}
