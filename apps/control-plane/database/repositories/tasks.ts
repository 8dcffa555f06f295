import { create, fromJsonString, toJson } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type Kysely, sql, type Transaction } from 'kysely';
import {
  type Task,
  TaskErrorCode,
  type TaskReport,
  TaskResultSchema,
  TaskSchema,
  TaskState,
} from '../../../proto/gen/quantix/v1/task_pb.js';
import type { Executor } from '../database.ts';
import { findRow, insertRow, type Row } from '../rows.ts';
import type { DB } from '../schema.ts';
import { cleanText, toMessageJson } from '../text.ts';
import { VALUE_SETS, type ValueOf } from '../values.ts';
import { enterAudit } from './audit-log.ts';

/** A task, as it is stored. */
export type TaskRow = Row<'tasks'>;

/** The action of a task: one of the verbs of `quantix.v1.Task`. */
export type TaskVerb = Extract<Task['verb'], { case: string }>;

/** Values of a new task. */
export interface TaskRequest {
  readonly nodeId: string;
  readonly verb: TaskVerb;
  /** See `Task.generation`; 0 by default. */
  readonly generation?: number;
  readonly requestedBy: string;
  readonly expiresAt: Date;
  /** Name of the task's object, for the audit log. */
  readonly objectName?: string;
}

/** The object of a task. */
export interface TaskObject {
  readonly type: ValueOf<'tasks_object_type'>;
  /** UUID of a virtual machine, id of a pool, `pool/name` of a volume, name of an interface, id of a node. */
  readonly id: string;
}

/** A newer version, which was rolled back, may have stored fields that this one does not know. */
const READING = { ignoreUnknownFields: true };

/** Longest text from a host that is stored, in characters. */
const LONGEST_TEXT = 4096;

/**
 * Creates a task, with an entry in the audit log. The caller must notify the program that holds the node's stream.
 * @throws RefusedChangeError if the node does not exist
 */
export async function createTask(db: Kysely<DB>, request: TaskRequest): Promise<TaskRow> {
  return await db.transaction().execute((transaction) => enterTask(transaction, request));
}

/** Creates a task as `createTask` does, in an existing transaction. */
export async function enterTask(
  transaction: Transaction<DB>,
  request: TaskRequest,
): Promise<TaskRow> {
  const { nodeId, verb, generation = 0, requestedBy, expiresAt, objectName } = request;
  const id = crypto.randomUUID();
  const task = create(TaskSchema, {
    ...{ id, verb, requestedBy, generation: BigInt(generation) },
    expiresAt: timestampFromDate(expiresAt),
  });
  const object = objectOf(verb, nodeId);
  const row = await insertRow(transaction, 'tasks', {
    ...{ id, nodeId, verb: verb.case, objectType: object.type, objectId: object.id },
    ...{ generation, requestedBy, expiresAt },
    request: JSON.stringify(toJson(TaskSchema, task)),
  });
  await enterAudit(transaction, {
    ...{ action: `task.${verb.case}`, username: requestedBy },
    ...{ resourceType: object.type.toLowerCase(), resourceName: objectName ?? object.id },
    resourceId: isUuid(object.id) ? object.id : null,
    details: { task: id, node: nodeId },
  });
  return row;
}

export const findTask = (db: Executor, id: string) => findRow(db, 'tasks', id);

/** Selects tasks; a field that is absent selects all. */
export interface TaskFilter {
  readonly nodeId?: string | undefined;
  readonly states?: readonly ValueOf<'tasks_state'>[] | undefined;
  readonly verbs?: readonly ValueOf<'tasks_verb'>[] | undefined;
  readonly objectType?: TaskObject['type'] | undefined;
  readonly objectId?: string | undefined;
  readonly requestedBy?: string | undefined;
}

/**
 * Lists tasks, newest first.
 * @param limit how many at most
 * @param before id of the last task of the previous page
 */
export async function listTasks(
  db: Executor,
  { limit, before, ...filter }: TaskFilter & { limit: number; before?: string | undefined },
): Promise<TaskRow[]> {
  const { nodeId, states, verbs, objectType, objectId, requestedBy } = filter;
  let query = db.selectFrom('tasks').selectAll();
  if (nodeId !== undefined) query = query.where('nodeId', '=', nodeId);
  if (states !== undefined) query = query.where('state', 'in', [...states]);
  if (verbs !== undefined) query = query.where('verb', 'in', [...verbs]);
  if (objectType !== undefined) query = query.where('objectType', '=', objectType);
  if (objectId !== undefined) query = query.where('objectId', '=', objectId);
  if (requestedBy !== undefined) query = query.where('requestedBy', '=', requestedBy);
  if (before !== undefined) {
    query = query.where(
      sql<boolean>`(created_at, id) < (SELECT created_at, id FROM tasks WHERE id::text = ${before})`,
    );
  }
  return await query.orderBy('createdAt', 'desc').orderBy('id', 'desc').limit(limit).execute();
}

/** A task to send to a node. */
export interface UnfinishedTask {
  readonly task: Task;
  /** Whether the cancellation of the task is to be sent, too. */
  readonly isCancelRequested: boolean;
}

/**
 * Lists the tasks that each new stream of a node starts with: those whose end was not reported, oldest first. Tasks
 * that expired before they were ever sent are left out.
 */
export async function listUnfinishedTasks(
  db: Executor,
  nodeId: string,
  now: Date,
): Promise<UnfinishedTask[]> {
  return (await listUnfinishedTasksOf(db, [nodeId], now)).get(nodeId) ?? [];
}

/** Lists the unfinished tasks of nodes, as `listUnfinishedTasks` does; nodes without any are left out. */
export async function listUnfinishedTasksOf(
  db: Executor,
  nodeIds: readonly string[],
  now: Date,
): Promise<Map<string, UnfinishedTask[]>> {
  const rows = await db
    .selectFrom('tasks')
    .select(['nodeId', 'request', 'cancelRequestedAt'])
    .where('nodeId', '=', sql<string>`ANY (${nodeIds}::uuid[])`)
    .where('finishedAt', 'is', null)
    .where((where) => where.or([where('state', '<>', 'QUEUED'), where('expiresAt', '>', now)]))
    .orderBy('createdAt')
    .orderBy('id')
    .execute();
  const byNode = new Map<string, UnfinishedTask[]>();
  for (const { nodeId, request, cancelRequestedAt } of rows) {
    const task = fromJsonString(TaskSchema, JSON.stringify(request), READING);
    const one = { task, isCancelRequested: cancelRequestedAt !== null };
    byNode.set(nodeId, [...(byNode.get(nodeId) ?? []), one]);
  }
  return byNode;
}

/**
 * Records that a task is about to be sent on its node's stream.
 * @returns whether it may be sent: not if it is finished, or was canceled or expired before it was ever sent
 */
export async function recordTaskSent(db: Executor, id: string, now: Date): Promise<boolean> {
  const { rows } = await sql`
    UPDATE tasks SET state = CASE state WHEN 'QUEUED' THEN 'SENT' ELSE state END, sent_at = coalesce(sent_at, ${now})
    WHERE id = ${id} AND finished_at IS NULL AND (state <> 'QUEUED' OR expires_at > ${now})
    RETURNING id`.execute(db);
  return rows.length > 0;
}

/** States of reports → their stored values. */
const STATES: Partial<Record<TaskState, 'ACCEPTED' | 'RUNNING' | 'DONE' | 'FAILED'>> = {
  [TaskState.ACCEPTED]: 'ACCEPTED',
  [TaskState.RUNNING]: 'RUNNING',
  [TaskState.DONE]: 'DONE',
  [TaskState.FAILED]: 'FAILED',
};

/** The result of a report. */
export interface TaskReportVerdict {
  /** Whether the task exists and belongs to the node. */
  readonly isKnown: boolean;
  /** The task, if the report changed it. */
  readonly task: TaskRow | undefined;
}

/**
 * Records the progress of a task. Of two reports, the one with the greater number counts, independent of the order of
 * arrival, and a final one is never replaced. Another node's task counts as nonexistent. An unknown state changes
 * nothing.
 */
export async function recordTaskReport(
  db: Executor,
  nodeId: string,
  report: TaskReport,
  now: Date,
): Promise<TaskReportVerdict> {
  const { taskId, number, error, progressPercent } = report;
  if (!isUuid(taskId)) return { isKnown: false, task: undefined };
  const isCanceled = error?.code === TaskErrorCode.CANCELED;
  const reported = STATES[report.state];
  if (reported !== undefined) {
    const state = reported === 'FAILED' && isCanceled ? 'CANCELED' : reported;
    const hasFailed = reported === 'FAILED';
    const isFinal = hasFailed || reported === 'DONE';
    const result =
      report.result === undefined || reported !== 'DONE'
        ? null
        : JSON.stringify(toMessageJson(TaskResultSchema, report.result));
    const { rows } = await sql<TaskRow>`
      UPDATE tasks SET state = ${state}, report_number = ${number},
        progress = ${reported === 'DONE' ? 100 : Math.min(progressPercent, 100)},
        message = ${cleanText(report.message, LONGEST_TEXT)},
        error_code = ${hasFailed ? errorCodeOf(error?.code) : null},
        error_message = ${hasFailed ? cleanText(error?.message ?? '', LONGEST_TEXT) : null},
        result = ${result}::jsonb,
        sent_at = coalesce(sent_at, ${now}),
        started_at = CASE WHEN ${reported === 'RUNNING' || reported === 'DONE'} THEN coalesce(started_at, ${now})
          ELSE started_at END,
        finished_at = ${isFinal ? now : null}::timestamptz
      WHERE id = ${taskId} AND node_id = ${nodeId} AND report_number < ${number} AND finished_at IS NULL
      RETURNING *`.execute(db);
    if (rows[0] !== undefined) return { isKnown: true, task: rows[0] };
  }
  const known = await db
    .selectFrom('tasks')
    .select('id')
    .where('id', '=', taskId)
    .where('nodeId', '=', nodeId)
    .executeTakeFirst();
  return { isKnown: known !== undefined, task: undefined };
}

/** Ends a task as failed, for a reason that the control plane itself knows. A finished task stays unchanged. */
export async function failTask(
  db: Executor,
  id: string,
  { code, message, now }: { code: ValueOf<'tasks_error_code'>; message: string; now: Date },
): Promise<void> {
  await db
    .updateTable('tasks')
    .set({ state: 'FAILED', errorCode: code, errorMessage: message, finishedAt: now })
    .where('id', '=', id)
    .where('finishedAt', 'is', null)
    .execute();
}

/**
 * Fails tasks that were sent and whose end is still not reported long after their deadline.
 * @param grace milliseconds after the deadline
 * @returns ids of the failed tasks
 */
export async function endOverdueTasks(db: Executor, now: Date, grace: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    UPDATE tasks SET state = 'FAILED', error_code = 'TIMEOUT', finished_at = ${now},
      error_message = 'its node has not reported its outcome'
    WHERE finished_at IS NULL AND state <> 'QUEUED' AND expires_at <= ${new Date(now.getTime() - grace)}
    RETURNING id`.execute(db);
  return rows.map(({ id }) => id);
}

/**
 * Fails tasks that expired before they were ever sent; see `endOverdueTasks` for those that were.
 * @returns ids of the failed tasks
 */
export async function expireTasks(db: Executor, now: Date): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    UPDATE tasks SET state = 'FAILED', error_code = 'EXPIRED', finished_at = ${now},
      error_message = 'its node did not receive it in time'
    WHERE finished_at IS NULL AND state = 'QUEUED' AND expires_at <= ${now} RETURNING id`.execute(
    db,
  );
  return rows.map(({ id }) => id);
}

/**
 * Removes tasks that ended before a time, except those whose end a roll-out has not recorded yet.
 * @param most limit of the tasks that are removed
 * @returns the number of removed tasks; if it is `most`, there may be more
 */
export async function pruneTasks(
  db: Executor,
  { before, most }: { before: Date; most: number },
): Promise<number> {
  const { numAffectedRows } = await sql`
    DELETE FROM tasks WHERE id IN (
      SELECT id FROM tasks AS old
      WHERE finished_at < ${before} AND NOT EXISTS (
        SELECT FROM update_rollout_hosts WHERE task_id = old.id AND state = 'UNDER_WAY')
      LIMIT ${most})`.execute(db);
  return Number(numAffectedRows ?? 0n);
}

/**
 * Cancels a task, with an entry in the audit log. A task that was never sent ends at once. Otherwise, its node must be
 * informed; the node then ends the task if it has not begun it.
 * @returns the present task, and whether its node must be informed; `undefined` if the task does not exist
 */
export async function cancelTask(
  db: Kysely<DB>,
  id: string,
  { by, now }: { by: string; now: Date },
): Promise<{ task: TaskRow; isNodeToBeTold: boolean } | undefined> {
  return await db.transaction().execute(async (transaction) => {
    const row = await transaction
      .selectFrom('tasks')
      .selectAll()
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    if (row === undefined) return undefined;
    if (row.finishedAt !== null) return { task: row, isNodeToBeTold: false };
    const isQueued = row.state === 'QUEUED';
    const errorMessage = `canceled by ${by} before it was sent`;
    const end = { state: 'CANCELED', errorCode: 'CANCELED', errorMessage, finishedAt: now };
    const task = await transaction
      .updateTable('tasks')
      .set({ cancelRequestedAt: row.cancelRequestedAt ?? now, ...(isQueued ? end : {}) })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
    await enterAudit(transaction, {
      ...{ action: 'task.cancel', username: by, resourceType: 'task', resourceId: id },
      details: { node: row.nodeId, verb: row.verb, objectId: row.objectId },
    });
    return { task, isNodeToBeTold: !isQueued };
  });
}

/** Returns the object of a task. */
function objectOf(verb: TaskVerb, nodeId: string): TaskObject {
  switch (verb.case) {
    case 'defineVm':
      return { type: 'VM', id: verb.value.spec?.id ?? '' };
    case 'createVolume':
    case 'deleteVolume': {
      const { poolId = '', name = '' } = verb.value.volume ?? {};
      return { type: 'VOLUME', id: `${poolId}/${name}` };
    }
    case 'mountPool':
      return { type: 'POOL', id: verb.value.pool?.id ?? '' };
    case 'unmountPool':
      return { type: 'POOL', id: verb.value.poolId };
    case 'configureNetwork':
      return { type: 'INTERFACE', id: verb.value.interface };
    case 'setMaintenance':
    case 'updateHost':
      return { type: 'NODE', id: nodeId };
    default:
      return { type: 'VM', id: verb.value.vmId };
  }
}

/** Returns the name of an error code; an unknown code of a newer host becomes UNSPECIFIED. */
function errorCodeOf(code: TaskErrorCode | undefined): ValueOf<'tasks_error_code'> {
  const name = code === undefined ? undefined : TaskErrorCode[code];
  return VALUE_SETS.tasks_error_code.find((one) => one === name) ?? 'UNSPECIFIED';
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function isUuid(text: string): boolean {
  return UUID.test(text);
}
