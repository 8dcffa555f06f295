import { type Kysely, sql } from 'kysely';
import { ALERT_SEVERITIES, type FleetAlert } from '../../../api/alerts.ts';
import type { Executor } from '../database.ts';
import { explainRefusal } from '../refusal.ts';
import { findRow, listRows, type NewRow, type Row } from '../rows.ts';
import type { DB } from '../schema.ts';
import { enterAudit, holdAudit } from './audit-log.ts';

export type Alert = Row<'alerts'>;

/** The values of an alert to raise. */
export type NewAlert = Pick<
  NewRow<'alerts'>,
  'severity' | 'title' | 'message' | 'sourceType' | 'sourceId' | 'sourceName'
>;

/**
 * Raises an alert. If one with the same source and title is open, its severity and message are updated instead.
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

/** Lists open alerts, oldest first. */
export const listOpenAlerts = (db: Executor) => listRows(db, 'alerts', sql`resolved_at IS NULL`);

/** Selects alerts; a field that is absent selects all. */
export interface AlertFilter {
  readonly isOpen?: boolean | undefined;
  readonly isAcknowledged?: boolean | undefined;
  readonly severity?: Alert['severity'] | undefined;
  readonly sourceType?: Alert['sourceType'] | undefined;
  readonly sourceId?: string | undefined;
}

/** Lists alerts, newest first. @param before id of the last alert of the previous page */
export async function listAlerts(
  db: Executor,
  { filter = {}, before, limit }: { filter?: AlertFilter; before?: string; limit: number },
): Promise<Alert[]> {
  const { isOpen, isAcknowledged, severity, sourceType, sourceId } = filter;
  let query = db.selectFrom('alerts').selectAll();
  if (isOpen !== undefined) query = query.where('resolvedAt', isOpen ? 'is' : 'is not', null);
  if (isAcknowledged !== undefined) {
    query = query.where('acknowledgedAt', isAcknowledged ? 'is not' : 'is', null);
  }
  if (severity !== undefined) query = query.where('severity', '=', severity);
  if (sourceType !== undefined) query = query.where('sourceType', '=', sourceType);
  if (sourceId !== undefined) query = query.where(sql`source_id::text`, '=', sourceId);
  if (before !== undefined) {
    query = query.where(
      sql<boolean>`(created_at, id) < (SELECT created_at, id FROM alerts WHERE id::text = ${before})`,
    );
  }
  return await query.orderBy('createdAt', 'desc').orderBy('id', 'desc').limit(limit).execute();
}

/** Converts an alert for people. */
export function describeAlert(alert: Alert): FleetAlert {
  const { id, title, message, sourceType, sourceId, sourceName, acknowledgedBy } = alert;
  return {
    ...{ id, title, message, acknowledgedBy },
    severity: ALERT_SEVERITIES.find((one) => one === alert.severity) ?? 'INFO',
    source: { type: sourceType, id: sourceId, name: sourceName },
    raisedAt: alert.createdAt.toISOString(),
    acknowledgedAt: alert.acknowledgedAt?.toISOString() ?? null,
    clearedAt: alert.resolvedAt?.toISOString() ?? null,
  };
}

/** Lists open alerts with one type of source, oldest first, without their acknowledgement. */
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

/** Who changes an alert, and when. */
export interface AlertAct {
  readonly by: string;
  readonly at: Date;
}

/**
 * Records that an alert was acknowledged, with an entry in the audit log; only the first acknowledgement counts.
 * @returns the present alert; undefined if it does not exist
 */
export async function acknowledgeAlert(
  db: Kysely<DB>,
  id: string,
  { by, at }: AlertAct,
): Promise<Alert | undefined> {
  return await db.transaction().execute(async (transaction) => {
    await holdAudit(transaction);
    const row = await transaction
      .updateTable('alerts')
      .set({ acknowledgedBy: by, acknowledgedAt: at })
      .where('id', '=', id)
      .where('acknowledgedAt', 'is', null)
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) return await findRow(transaction, 'alerts', id);
    await auditAlert(transaction, 'alert.acknowledge', { alert: row, by });
    return row;
  });
}

/** Resolves an alert. @returns whether it was open */
export async function resolveAlert(db: Executor, id: string, at: Date): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('alerts')
    .set({ resolvedAt: at })
    .where('id', '=', id)
    .where('resolvedAt', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Resolves the alert with this source and title, if it is open. */
export async function resolveAlertOf(
  db: Executor,
  { title, sourceType, sourceName }: Pick<Alert, 'title' | 'sourceType' | 'sourceName'>,
  at: Date,
): Promise<void> {
  await db
    .updateTable('alerts')
    .set({ resolvedAt: at })
    .where('title', '=', title)
    .where('sourceType', '=', sourceType)
    .where('sourceName', '=', sourceName)
    .where('resolvedAt', 'is', null)
    .execute();
}

/**
 * Resolves an alert for an operator, with an entry in the audit log. If its cause persists, it is raised again.
 * @returns the present alert; undefined if it does not exist
 */
export async function clearAlert(
  db: Kysely<DB>,
  id: string,
  { by, at }: AlertAct,
): Promise<Alert | undefined> {
  return await db.transaction().execute(async (transaction) => {
    await holdAudit(transaction);
    const isCleared = await resolveAlert(transaction, id, at);
    const alert = await findRow(transaction, 'alerts', id);
    if (alert !== undefined && isCleared) {
      await auditAlert(transaction, 'alert.clear', { alert, by });
    }
    return alert;
  });
}

async function auditAlert(
  db: Executor,
  action: string,
  { alert: { id, title, sourceType, sourceName }, by }: { alert: Alert; by: string },
): Promise<void> {
  await enterAudit(db, {
    ...{ action, username: by, resourceType: 'alert', resourceId: id, resourceName: title },
    details: { sourceType, sourceName },
  });
}
