import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { explainRefusal } from '../refusal.ts';
import { listRows, type NewRow, type Row } from '../rows.ts';

export type Alert = Row<'alerts'>;

/** What is raised. */
export type NewAlert = Pick<
  NewRow<'alerts'>,
  'severity' | 'title' | 'message' | 'sourceType' | 'sourceId' | 'sourceName'
>;

/**
 * Raises an alert, unless the same one, of one source and title, is open; then severity and message become the present ones.
 * @returns the open alert
 */
export async function raiseAlert(db: Executor, alert: NewAlert): Promise<Alert> {
  const { severity, title, message = '', sourceType, sourceId = null, sourceName = '' } = alert;
  await explainRefusal(
    sql`
      INSERT INTO alerts AS open (severity, title, message, source_type, source_id, source_name)
      VALUES (${severity}, ${title}, ${message}, ${sourceType}, ${sourceId}, ${sourceName})
      ON CONFLICT (source_type, source_id, source_name, title) WHERE resolved_at IS NULL DO UPDATE
      SET severity = excluded.severity, message = excluded.message
      WHERE (open.severity, open.message) IS DISTINCT FROM (excluded.severity, excluded.message)`.execute(
      db,
    ),
  );
  const same = sql`title = ${title} AND source_type = ${sourceType}
    AND source_id IS NOT DISTINCT FROM ${sourceId}::uuid AND source_name = ${sourceName} AND resolved_at IS NULL`;
  return (await listRows(db, 'alerts', same))[0]!;
}

/** Alerts that nothing resolved yet, oldest first. */
export const listOpenAlerts = (db: Executor) => listRows(db, 'alerts', sql`resolved_at IS NULL`);

/** Open alerts about one kind of thing, oldest first, without who has seen them. */
export async function listOpenAlertsOf(
  db: Executor,
  sourceType: Alert['sourceType'],
): Promise<Pick<Alert, 'severity' | 'title' | 'message' | 'createdAt'>[]> {
  return await db
    .selectFrom('alerts')
    .select(['severity', 'title', 'message', 'createdAt'])
    .where('resolvedAt', 'is', null)
    .where('sourceType', '=', sourceType)
    .orderBy('createdAt')
    .execute();
}

/** Notes who has seen an alert; the first one stays. */
export async function acknowledgeAlert(
  db: Executor,
  id: string,
  { by, at }: { by: string; at: Date },
): Promise<void> {
  await db
    .updateTable('alerts')
    .set({ acknowledgedBy: by, acknowledgedAt: at })
    .where('id', '=', id)
    .where('acknowledgedAt', 'is', null)
    .execute();
}

/** Notes that what an alert is about is over. @returns whether it was open */
export async function resolveAlert(db: Executor, id: string, at: Date): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('alerts')
    .set({ resolvedAt: at })
    .where('id', '=', id)
    .where('resolvedAt', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}
