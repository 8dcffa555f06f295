import { sql } from 'kysely';
import type { AlertReceiverState } from '../../../api/alerts.ts';
import type { Executor } from '../database.ts';
import type { Row } from '../rows.ts';
import { raiseAlert } from './alerts.ts';

/** A receiver of alerts, and the state of its delivery. */
export type AlertReceiverRow = Row<'alertReceivers'>;

/** Title of the alert about a receiver that cannot be reached. */
const UNREACHED = 'Alerts do not reach a receiver';

/** Milliseconds without a successful delivery after which an alert is raised. */
const TOLD_AFTER = 60_000;

/** Returns the delivery state of a receiver. For a new receiver, it starts at the present event. */
export async function readReceiver(db: Executor, name: string): Promise<AlertReceiverRow> {
  await sql`
    INSERT INTO alert_receivers (name, delivered_through) SELECT ${name}, last FROM event_numbering
    ON CONFLICT (name) DO NOTHING`.execute(db);
  return await db
    .selectFrom('alertReceivers')
    .selectAll()
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
}

/** Records that an event is not meant for a receiver, which says nothing about whether the receiver is reached. */
export async function recordSkip(db: Executor, name: string, through: number): Promise<void> {
  await sql`
    UPDATE alert_receivers SET delivered_through = ${through} WHERE name = ${name}`.execute(db);
}

/**
 * Records that an event was delivered.
 * @param name of the receiver
 * @param delivery `through`: number of the event; `at`: time of the delivery
 */
export async function recordDelivery(
  db: Executor,
  name: string,
  { through, at }: { through: number; at: Date },
): Promise<void> {
  await sql`
    UPDATE alert_receivers
    SET delivered_through = ${through}, delivered_at = ${at}, problem = '', failing_since = NULL
    WHERE name = ${name}`.execute(db);
  await sql`
    UPDATE alerts SET resolved_at = ${at}
    WHERE title = ${UNREACHED} AND source_name = ${name} AND resolved_at IS NULL`.execute(db);
}

/** Records that an event could not be delivered; raises an alert if deliveries have failed for too long. */
export async function recordFailure(
  db: Executor,
  name: string,
  { why, at }: { why: string; at: Date },
): Promise<void> {
  const { rows } = await sql<{ failingSince: Date }>`
    UPDATE alert_receivers SET problem = ${why}, failing_since = coalesce(failing_since, ${at})
    WHERE name = ${name} RETURNING failing_since`.execute(db);
  const since = rows[0]?.failingSince;
  if (since === undefined || at.getTime() - since.getTime() < TOLD_AFTER) return;
  await raiseAlert(db, {
    ...{ severity: 'WARNING', title: UNREACHED, message: `since ${since.toISOString()}` },
    ...{ sourceType: 'CONTROL_PLANE', sourceName: name },
  });
}

/**
 * Drops the oldest alert events that wait for a receiver, beyond a number.
 * @param severities those that the receiver gets: other events do not wait for it
 * @returns how many were dropped
 */
export async function dropOverdueNews(
  db: Executor,
  name: string,
  { most, severities }: { most: number; severities: Iterable<string> },
): Promise<number> {
  const { rows } = await sql<{ lost: number }>`
    WITH waiting AS (
      SELECT id, row_number() OVER (ORDER BY id DESC) AS place FROM events
      WHERE subject_type = 'ALERT' AND id > (SELECT delivered_through FROM alert_receivers WHERE name = ${name})
        AND data ->> 'severity' = ANY (${[...severities]}::text[])
    ), overdue AS (SELECT count(*) AS lost, max(id) AS through FROM waiting WHERE place > ${most})
    UPDATE alert_receivers AS receiver SET lost = receiver.lost + overdue.lost, delivered_through = overdue.through
    FROM overdue WHERE receiver.name = ${name} AND overdue.lost > 0
    RETURNING overdue.lost`.execute(db);
  return rows[0]?.lost ?? 0;
}

/** Removes receivers that are no longer configured. */
export async function forgetReceivers(
  db: Executor,
  names: readonly string[],
  at: Date,
): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    DELETE FROM alert_receivers WHERE name <> ALL (${names}::text[]) RETURNING name`.execute(db);
  await sql`
    UPDATE alerts SET resolved_at = ${at}
    WHERE title = ${UNREACHED} AND source_name = ANY (${rows.map(({ name }) => name)}::text[])
      AND resolved_at IS NULL`.execute(db);
}

/** Lists the delivery state of each receiver. */
export async function listReceivers(db: Executor): Promise<AlertReceiverState[]> {
  const { rows } = await sql<AlertReceiverRow & { waiting: number }>`
    SELECT receiver.*, (SELECT count(*) FROM events
      WHERE subject_type = 'ALERT' AND id > receiver.delivered_through) AS waiting
    FROM alert_receivers AS receiver ORDER BY name`.execute(db);
  return rows.map(({ name, problem, lost, waiting, deliveredAt, failingSince }) => ({
    ...{ name, problem, lost, waiting },
    deliveredAt: deliveredAt?.toISOString() ?? null,
    failingSince: failingSince?.toISOString() ?? null,
  }));
}
