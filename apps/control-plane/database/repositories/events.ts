import { type RawBuilder, sql, type Transaction } from 'kysely';
import type { EventSubject, FleetEvent } from '../../../api/events.ts';
import type { Executor } from '../database.ts';
import { insertRow } from '../rows.ts';
import type { DB } from '../schema.ts';

/**
 * An event to write. Most events are written by triggers of migration 11; `writeEvent` is for events that no row of
 * another table shows.
 */
export interface NewEvent {
  /** Two words with a dot: `user.logged-in`. */
  readonly kind: string;
  readonly subject: FleetEvent['subject'];
  readonly nodeId?: string;
  /** Must not contain secrets: everyone who may read the subject may read it. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Selects events; a field that is absent selects all. */
export interface EventFilter {
  /** Kinds, or the first words of kinds: `vm` selects all that begin with `vm.`. */
  readonly kinds?: readonly string[] | undefined;
  readonly subjectTypes?: readonly EventSubject[] | undefined;
  readonly subjectId?: string | undefined;
  readonly nodeId?: string | undefined;
}

/** The range of numbers from which a subscriber may resume. */
export interface EventBounds {
  /** Number of the last event; 0 if there was none. */
  readonly last: number;
  /** The smallest number after which no event has been removed. */
  readonly resumableFrom: number;
}

/** Least number of event numbers that a restore skips: more than there can be events between two backups. */
const SKIPPED_NUMBERS = 1_000_000_000;

/**
 * Writes an event; it is published when the transaction commits.
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

/** Numbers events that have no number yet. @param most maximum of events @returns how many were numbered */
export async function numberEvents(db: Executor, most: number): Promise<number> {
  const { rows: waiting } = await sql`SELECT FROM unnumbered_events LIMIT 1`.execute(db);
  if (waiting.length === 0) return 0;
  const { rows } = await sql<{ numbered: number }>`
    SELECT number_events(${most}) AS numbered`.execute(db);
  return rows[0]!.numbered;
}

/** Reads the range of numbers from which a subscriber may resume. */
export async function readEventBounds(db: Executor): Promise<EventBounds> {
  return await db
    .selectFrom('eventNumbering')
    .select(['last', 'resumableFrom'])
    .executeTakeFirstOrThrow();
}

/** Lists the events after a number, in order. @param after 0 for all events */
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

/** Lists the newest events, in order. */
export async function listNewestEvents(
  db: Executor,
  { limit, filter = {} }: { limit: number; filter?: EventFilter },
): Promise<FleetEvent[]> {
  const { rows } = await sql<EventRow>`
    SELECT * FROM events WHERE ${condition(filter)} ORDER BY id DESC LIMIT ${limit}`.execute(db);
  return rows.map(toEvent).reverse();
}

/** Whether an event matches a filter: the same condition that `listEvents` uses in the database. */
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
 * Removes old events, in a bounded batch: a statement may take only a few seconds, independent of the number of events.
 * Events are counted: their numbers have a large gap after a restore.
 * @param keep number of newest events to keep
 * @param before older events are removed, too
 * @param most size of the batch
 * @returns how many were removed; if that is `most`, there may be more
 */
export async function pruneEvents(
  db: Transaction<DB>,
  { keep, before, most }: { keep: number; before: Date; most: number },
): Promise<number> {
  const { rows } = await sql<{ through: number | null }>`
    WITH oldest AS (SELECT id, happened_at FROM events ORDER BY id LIMIT ${most}),
      surplus AS (SELECT id FROM events ORDER BY id DESC OFFSET ${keep}::bigint LIMIT 1)
    SELECT greatest(
      (SELECT least(surplus.id, (SELECT max(id) FROM oldest)) FROM surplus),
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
 * Skips event numbers after a restore, so that numbers that were assigned after the backup are not assigned again: a
 * subscriber that resumes from one of them must first list the objects again. Call it once after each restore. Numbers
 * that were assigned after an earlier restore of the same backup are not known; therefore numbers continue from the
 * time in microseconds, which grows faster than event numbers do.
 */
export async function skipEventNumbers(db: Executor): Promise<void> {
  await sql`
    UPDATE event_numbering SET last = first, resumable_from = first
    FROM (
      SELECT greatest(last + ${SKIPPED_NUMBERS}::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint) AS first
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
