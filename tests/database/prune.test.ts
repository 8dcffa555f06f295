import { create } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { parseConfig } from '../../apps/control-plane/config.ts';
import { NotLeaderError } from '../../apps/control-plane/coordination/election.ts';
import { listAudit } from '../../apps/control-plane/database/repositories/audit-log.ts';
import {
  listNewestEvents,
  numberEvents,
} from '../../apps/control-plane/database/repositories/events.ts';
import { registerNode } from '../../apps/control-plane/database/repositories/nodes.ts';
import {
  createTask,
  recordTaskReport,
} from '../../apps/control-plane/database/repositories/tasks.ts';
import { pruneAgainAndAgain } from '../../apps/control-plane/events/prune.ts';
import {
  StartVmSchema,
  TaskReportSchema,
  TaskState,
} from '../../apps/proto/gen/quantix/v1/task_pb.js';
import { type OpenTestDatabase, openTestDatabase, SILENT } from './database.ts';

const NODE = '11111111-1111-8111-8111-111111111111';
const VM = '33333333-3333-8333-8333-333333333333';
const DAY = 86_400_000;

/** Makes the first entries of the audit log older, as only the superuser can. */
async function age({ address }: OpenTestDatabase, count: number, days: number): Promise<void> {
  const { socketFolder: host, database } = address;
  const superuser = new Client({ host, user: 'postgres', database });
  await superuser.connect();
  await superuser.query("SET session_replication_role = 'replica'");
  await superuser.query(
    'UPDATE audit_log SET created_at = now() - make_interval(days => $2) WHERE sequence <= $1',
    [count, days],
  );
  await superuser.end();
}

test('the leader removes events, audit log entries and finished tasks older than the configured ages', async () => {
  await using opened = await openTestDatabase();
  const { database } = opened;
  const { db } = database;
  await sql`UPDATE leadership SET epoch = 7`.execute(db);
  await registerNode(db, { id: NODE, hostname: 'host', managementIp: null, spec: {} });
  const begin = async () => {
    const verb = { case: 'startVm', value: create(StartVmSchema, { vmId: VM }) } as const;
    const expiresAt = new Date(Date.now() + 1000 * DAY);
    return (await createTask(db, { nodeId: NODE, verb, requestedBy: 'ada', expiresAt })).id;
  };
  const endedBefore = async (days: number) => {
    const taskId = await begin();
    const done = create(TaskReportSchema, { taskId, number: 1, state: TaskState.DONE });
    await recordTaskReport(db, NODE, done, new Date(Date.now() - days * DAY));
    return taskId;
  };
  const [old, young, unfinished, rolled] = [
    await endedBefore(11),
    await endedBefore(9),
    await begin(),
    await endedBefore(11),
  ];
  await sql`UPDATE tasks SET created_at = now() - interval '99 days' WHERE id = ${unfinished}`.execute(
    db,
  );
  const { rows } = await sql<{ id: string }>`
    INSERT INTO update_rollouts (product, channel, architecture, base, version, serial, percentage, at_once, created_by)
    VALUES ('quantix-os', 'stable', 'x86_64', 'alpine', '0.2.0', 1, 100, 1, 'ada') RETURNING id`.execute(
    db,
  );
  await sql`
    INSERT INTO update_rollout_hosts (rollout_id, node_id, position, state, task_id)
    VALUES (${rows[0]?.id}, ${NODE}, 1, 'UNDER_WAY', ${rolled})`.execute(db);
  while ((await numberEvents(db, 1000)) > 0);
  await sql`UPDATE events SET happened_at = now() - interval '6 days' WHERE id <= 3`.execute(db);
  const events = async () => (await listNewestEvents(db, { limit: 1000 })).map(({ id }) => id);
  const tasks = async () =>
    (await db.selectFrom('tasks').select('id').execute()).map(({ id }) => id).sort();
  const before = await events();
  const audit = async () =>
    (await listAudit(db, { after: 0, limit: 1000 })).map(({ sequence, action }) => ({
      ...{ sequence, action },
    }));
  const entered = await audit();
  await age(opened, 2, 22);

  /** Runs one round of pruning. */
  const look = async (leads: boolean) => {
    const ending = new AbortController();
    await pruneAgainAndAgain({
      config: await parseConfig(
        '{ events: { days: 5 }, tasks: { days: 10 }, audit: { days: 20 } }',
        'config.yaml',
      ),
      ...{ database, log: SILENT, signal: ending.signal },
      leadership: {
        asLeader: async (work) => {
          if (!leads) throw new NotLeaderError();
          return await work(7);
        },
      },
      clock: { now: () => 0, sleep: async () => ending.abort() },
    });
  };
  await look(false);
  expect(await tasks()).toEqual([old, young, unfinished, rolled].sort());
  expect(await events()).toEqual(before);
  expect(await audit()).toEqual(entered);
  await look(true);
  expect(await audit()).toEqual([
    ...entered.slice(2),
    { sequence: entered.length + 1, action: 'audit.pruned' },
  ]);
  expect(await tasks()).toEqual([young, unfinished, rolled].sort());
  expect(await events()).toEqual(before.filter((id) => id > 3));
  // The roll-out has recorded the end of the task.
  await sql`UPDATE update_rollout_hosts SET state = 'DONE'`.execute(db);
  await look(true);
  expect(await tasks()).toEqual([young, unfinished].sort());
});
