import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Database } from '../../apps/control-plane/database/database.ts';
import { listAudit } from '../../apps/control-plane/database/repositories/audit-log.ts';
import * as departed from '../../apps/control-plane/database/repositories/departed-nodes.ts';
import * as tokens from '../../apps/control-plane/database/repositories/join-tokens.ts';
import { findNode, registerNode } from '../../apps/control-plane/database/repositories/nodes.ts';
import * as tasks from '../../apps/control-plane/database/repositories/tasks.ts';
import * as machines from '../../apps/control-plane/database/repositories/virtual-machines.ts';
import { openNodeState } from '../../apps/control-plane/reconciliation/node-state.ts';
import { SyncFullStateRequestSchema } from '../../apps/proto/gen/quantix/v1/node_service_pb.js';
import { PositionSchema } from '../../apps/proto/gen/quantix/v1/position_pb.js';
import { PoolType } from '../../apps/proto/gen/quantix/v1/storage_pb.js';
import {
  StartVmSchema,
  TaskErrorCode,
  type TaskReport,
  TaskReportSchema,
  TaskState,
} from '../../apps/proto/gen/quantix/v1/task_pb.js';
import { type OpenTestDatabase, openTestDatabase, SILENT } from './database.ts';

const ONE = '11111111-1111-8111-8111-111111111111';
const TWO = '22222222-2222-8222-8222-222222222222';
const VM = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa';
const NOW = new Date('2030-01-01T12:00:00Z');
const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);

let opened: OpenTestDatabase;
let db: Database['db'];

beforeAll(async () => {
  opened = await openTestDatabase();
  db = opened.database.db;
});
afterAll(() => opened[Symbol.asyncDispose]());
beforeEach(async () => {
  await sql`TRUNCATE nodes, virtual_machines, storage_pools, join_tokens, departed_nodes, tasks CASCADE`.execute(
    db,
  );
});

const register = (id: string) =>
  registerNode(db, { id, hostname: 'host', managementIp: '10.0.0.1', spec: {} });

const actions = async () =>
  (await listAudit(db, { after: 0, limit: 1000 })).map((one) => one.action);

describe('a join token', () => {
  const make = (maxUses = 1) =>
    tokens.createJoinToken(db, {
      ...{ description: 'rack 1', createdBy: 'ada', maxUses, expiresAt: later(3600) },
    });
  const present = (secret: string, nodeId = ONE, now = NOW) =>
    tokens.useJoinToken(db, { secret, nodeId, hostname: 'host', address: '10.0.0.1', now });

  test('belongs to the first key, which may use it again until it expires', async () => {
    const { secret, token } = await make();
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(await present(secret)).toBe('accepted');
    expect(await present(secret, TWO)).toBe('used');
    expect(await present(secret, ONE, later(3599))).toBe('accepted');
    expect(await present(secret, ONE, later(3600))).toBe('expired');
    expect(await present(secret, TWO, later(3600))).toBe('expired');
    const [kept] = await tokens.listJoinTokens(db);
    expect(kept).toMatchObject({ id: token.id, description: 'rack 1', createdBy: 'ada' });
    expect(kept?.uses).toEqual([
      expect.objectContaining({ nodeId: ONE, firstUsedAt: NOW, lastUsedAt: later(3599) }),
    ]);
    expect(JSON.stringify(kept)).not.toContain(secret);
  });

  test('with several uses accepts that many keys', async () => {
    const { secret } = await make(2);
    expect(await present(secret)).toBe('accepted');
    expect(await present(secret)).toBe('accepted');
    expect(await present(secret, TWO)).toBe('accepted');
    expect(await present(secret, VM)).toBe('used');
  });

  test('that was revoked, or was never made, is unknown', async () => {
    const { secret, token } = await make();
    expect(await tokens.revokeJoinToken(db, token.id, { by: 'ada', now: NOW })).toBe(true);
    expect(await tokens.revokeJoinToken(db, token.id, { by: 'ada', now: NOW })).toBe(false);
    expect(await present(secret)).toBe('unknown');
    expect(await present('')).toBe('unknown');
    expect(await present(`${secret}\0`)).toBe('unknown');
  });

  test.each([1, 3])('with %i uses accepts no more keys when ten come at once', async (uses) => {
    const { secret } = await make(uses);
    const keys = Array.from({ length: 10 }, () => crypto.randomUUID());
    const verdicts = await Promise.all(keys.map((key) => present(secret, key)));
    expect(verdicts.filter((one) => one === 'accepted')).toHaveLength(uses);
    expect(verdicts.filter((one) => one === 'used')).toHaveLength(10 - uses);
    const winner = keys[verdicts.indexOf('accepted')];
    expect(await Promise.all([1, 2, 3].map(() => present(secret, winner)))).toEqual(
      Array(3).fill('accepted'),
    );
  });

  test('is not created from invalid arguments', async () => {
    const request = { description: '', createdBy: 'ada', maxUses: 1, expiresAt: later(60) };
    for (const wrong of [
      { maxUses: 0 },
      { maxUses: 10_001 },
      { description: 'x'.repeat(256) },
      { expiresAt: new Date(0) },
    ]) {
      const made = tokens.createJoinToken(db, { ...request, ...wrong });
      await expect(made).rejects.toMatchObject({ reason: 'invalid' });
    }
  });

  test('readmits a node that left or was deleted, if the node had not used it before', async () => {
    const [old, fresh] = [await make(), await make()];
    await present(old.secret);
    await register(ONE);
    const go = { nodeId: ONE, by: 'ada', reason: 'broken', now: NOW };
    expect(await departed.departNode(db, { ...go, how: 'DELETED' })).toBe(true);
    expect(await present(old.secret)).toBe('used');
    expect(await departed.findDepartedNode(db, ONE)).toMatchObject({ how: 'DELETED' });
    expect(await present(fresh.secret)).toBe('accepted');
    expect(await departed.findDepartedNode(db, ONE)).toBeUndefined();
    expect(await present(old.secret)).toBe('accepted');
    expect((await actions()).slice(-5)).toEqual([
      ...['join-token.create', 'join-token.create', 'node.join', 'node.delete', 'node.join'],
    ]);
  });
});

describe('a node', () => {
  beforeEach(async () => {
    await register(ONE);
    await register(TWO);
    const { id } = await machines.defineVirtualMachine(db, {
      ...{ name: 'managed', projectId: '00000000-0000-0000-0000-000000000001' },
    });
    const local = { id: 'local', name: 'local', type: PoolType.DIRECTORY };
    const shared = { id: 'shared', name: 'shared', type: PoolType.NFS };
    const found = [
      { id, name: 'managed', powerState: 1 },
      { id: VM, name: 'found', powerState: 1 },
    ];
    await report(ONE, { pools: { items: [local, shared] }, vms: { items: found } });
    await report(TWO, { pools: { items: [shared] } });
  });
  const report = (nodeId: string, content: MessageInitShape<typeof SyncFullStateRequestSchema>) => {
    const leadership = { untilOvertaken: <T>(work: (epoch: number) => Promise<T>) => work(0) };
    const state = openNodeState({ database: opened.database, leadership, log: SILENT });
    const part = create(SyncFullStateRequestSchema, content);
    const whole = { ...part, position: create(PositionSchema, { epoch: 1n, number: 1n }) };
    const parts = async function* () {
      yield { ...whole, part: 1, last: true };
    };
    return state.syncFullState(nodeId, parts());
  };
  const go = { nodeId: ONE, by: 'ada', reason: 'broken', now: NOW } as const;

  test('that is deleted is removed with the objects that only it reported; managed machines are lost', async () => {
    await tasks.createTask(db, start());
    expect(await departed.departNode(db, { ...go, how: 'DELETED' })).toBe(true);
    expect(await findNode(db, ONE)).toBeUndefined();
    expect(await machines.listVirtualMachines(db)).toEqual([
      expect.objectContaining({
        name: 'managed',
        nodeId: null,
        lostReason: 'its node was deleted',
      }),
    ]);
    const pools = await db.selectFrom('storagePools').select('name').execute();
    expect(pools.map(({ name }) => name)).toEqual(['shared']);
    expect(await tasks.listTasks(db, { limit: 9 })).toEqual([]);
    expect(await departed.listDepartedNodes(db)).toEqual([
      {
        nodeId: ONE,
        hostname: 'host',
        how: 'DELETED',
        departedAt: NOW,
        departedBy: 'ada',
        reason: 'broken',
      },
    ]);
    expect(await departed.departNode(db, { ...go, how: 'DELETED' })).toBe(false);
  });

  test('that has left is kept as last reported', async () => {
    expect(await departed.departNode(db, { ...go, how: 'LEFT' })).toBe(true);
    expect(await findNode(db, ONE)).toMatchObject({ phase: 'DISCONNECTED' });
    expect(await machines.findVirtualMachine(db, VM)).toMatchObject({ powerState: 'RUNNING' });
    expect(await departed.departNode(db, { ...go, how: 'DELETED' })).toBe(true);
    expect(await departed.findDepartedNode(db, ONE)).toMatchObject({ how: 'DELETED' });
  });
});

function start(more: Partial<tasks.TaskRequest> = {}): tasks.TaskRequest {
  const verb = { case: 'startVm', value: create(StartVmSchema, { vmId: VM }) } as const;
  return { nodeId: ONE, verb, requestedBy: 'ada', expiresAt: later(60), ...more };
}

describe('a task', () => {
  beforeEach(() => register(ONE));
  const report = (taskId: string, init: MessageInitShape<typeof TaskReportSchema>) =>
    tasks.recordTaskReport(db, ONE, create(TaskReportSchema, { ...init, taskId }), NOW);

  test('is stored as it will be sent, and entered in the audit log with its requester', async () => {
    const { id } = await tasks.createTask(db, start({ generation: 7, objectName: 'web' }));
    const [entry] = await tasks.listUnfinishedTasks(db, ONE, NOW);
    expect(entry?.task).toMatchObject({
      ...{ id, generation: 7n, requestedBy: 'ada' },
      verb: { case: 'startVm', value: { vmId: VM } },
      expiresAt: { seconds: BigInt(later(60).getTime() / 1000) },
    });
    const [line] = (await listAudit(db, { after: 0, limit: 1000 })).slice(-1);
    expect(line).toMatchObject({
      ...{ action: 'task.startVm', username: 'ada', resourceType: 'vm', resourceId: VM },
      ...{ resourceName: 'web', details: { task: id, node: ONE } },
    });
  });

  test('that a newer version stored with fields that this one does not know is read without them', async () => {
    const { id } = await tasks.createTask(db, start());
    await sql`
      UPDATE tasks SET request = jsonb_set(request || '{"newer": [1]}', '{startVm,newer}', '{"a": 1}')
      WHERE id = ${id}`.execute(db);
    const [entry] = await tasks.listUnfinishedTasks(db, ONE, NOW);
    expect(entry?.task.verb).toMatchObject({ case: 'startVm', value: { vmId: VM } });
    await sql`UPDATE tasks SET request = (request - 'startVm') || '{"newVerb": {}}' WHERE id = ${id}`.execute(
      db,
    );
    const [unknown] = await tasks.listUnfinishedTasks(db, ONE, NOW);
    expect(unknown?.task).toMatchObject({ id, verb: { case: undefined } });
  });

  test('for an unknown node is refused, and leaves no entry in the audit log', async () => {
    const before = (await actions()).length;
    const made = tasks.createTask(db, start({ nodeId: TWO }));
    await expect(made).rejects.toMatchObject({ reason: 'missing' });
    expect(await actions()).toHaveLength(before);
  });

  test('goes from queued to done', async () => {
    const { id } = await tasks.createTask(db, start());
    expect(await tasks.recordTaskSent(db, id, NOW)).toBe(true);
    expect(await tasks.findTask(db, id)).toMatchObject({ state: 'SENT', sentAt: NOW });
    await report(id, { number: 1, state: TaskState.ACCEPTED });
    await report(id, {
      number: 2,
      state: TaskState.RUNNING,
      progressPercent: 400,
      message: 'a\0b',
    });
    expect(await tasks.findTask(db, id)).toMatchObject({
      ...{ state: 'RUNNING', progress: 100, message: 'ab', startedAt: NOW, finishedAt: null },
    });
    expect(await tasks.listUnfinishedTasks(db, ONE, later(999))).toHaveLength(1);
    const done = { number: 3, state: TaskState.DONE, result: { definitionGeneration: 7n } };
    expect(await report(id, done)).toMatchObject({ isKnown: true, task: { state: 'DONE' } });
    expect(await tasks.listUnfinishedTasks(db, ONE, NOW)).toEqual([]);
    expect(await tasks.recordTaskSent(db, id, NOW)).toBe(false);
    expect(await tasks.findTask(db, id)).toMatchObject({ result: { definitionGeneration: '7' } });
  });

  test('that is done has its result, even with odd characters from the host', async () => {
    for (const poolId of ['\\u0000', 'a\0b', '"']) {
      const { id } = await tasks.createTask(db, start());
      const done = { number: 1, state: TaskState.DONE, result: { poolId } };
      expect(await report(id, done)).toMatchObject({ isKnown: true, task: { state: 'DONE' } });
    }
  });

  test('that failed has its reason, even one that only a newer host knows', async () => {
    const [one, two] = [await tasks.createTask(db, start()), await tasks.createTask(db, start())];
    const failed = { number: 1, state: TaskState.FAILED };
    await report(one.id, { ...failed, error: { code: TaskErrorCode.CONFLICT, message: 'no' } });
    await report(two.id, { ...failed, error: { code: 99 as TaskErrorCode, message: 'new' } });
    expect(await tasks.findTask(db, one.id)).toMatchObject({
      errorCode: 'CONFLICT',
      errorMessage: 'no',
    });
    expect(await tasks.findTask(db, two.id)).toMatchObject({
      errorCode: 'UNSPECIFIED',
      state: 'FAILED',
    });
  });

  test('is not changed by a report of another node, and a report of an unknown task is not accepted', async () => {
    const { id } = await tasks.createTask(db, start());
    const done = (taskId: string) =>
      create(TaskReportSchema, { taskId, number: 1, state: TaskState.DONE });
    const unknown = { isKnown: false, task: undefined };
    expect(await tasks.recordTaskReport(db, TWO, done(id), NOW)).toEqual(unknown);
    expect(await tasks.recordTaskReport(db, ONE, done(crypto.randomUUID()), NOW)).toEqual(unknown);
    expect(await tasks.recordTaskReport(db, ONE, done("'; --"), NOW)).toEqual(unknown);
    expect(await tasks.findTask(db, id)).toMatchObject({ state: 'QUEUED' });
  });

  test('has the state of the report with the highest number, however reports are ordered or repeated; a final state stays', async () => {
    const states = [TaskState.ACCEPTED, TaskState.RUNNING, TaskState.RUNNING, TaskState.DONE];
    const reports = states.map((state, index) =>
      create(TaskReportSchema, { state, number: index + 1, message: `${index + 1}` }),
    );
    const orders = fc.array(fc.constantFrom(...reports), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(orders, async (order: TaskReport[]) => {
        const { id } = await tasks.createTask(db, start());
        for (const one of order) await report(id, one);
        const final = Math.max(...order.map(({ number }) => number));
        const kept = await tasks.findTask(db, id);
        expect(kept).toMatchObject({ message: `${final}`, reportNumber: final });
        const after = create(TaskReportSchema, { number: 99, state: TaskState.FAILED });
        await report(id, after);
        expect((await tasks.findTask(db, id))?.state).toBe(final === 4 ? 'DONE' : 'FAILED');
      }),
      { numRuns: 25 },
    );
  });

  test('expires only if it was never sent; once sent, only its node can end it', async () => {
    const [one, two] = [await tasks.createTask(db, start()), await tasks.createTask(db, start())];
    await tasks.recordTaskSent(db, two.id, NOW);
    expect(await tasks.recordTaskSent(db, one.id, later(60))).toBe(false);
    const left = await tasks.listUnfinishedTasks(db, ONE, later(60));
    expect(left.map(({ task }) => task.id)).toEqual([two.id]);
    expect(await tasks.expireTasks(db, later(59))).toEqual([]);
    expect(await tasks.expireTasks(db, later(60))).toEqual([one.id]);
    expect(await tasks.findTask(db, one.id)).toMatchObject({
      state: 'FAILED',
      errorCode: 'EXPIRED',
    });
    expect(await tasks.findTask(db, two.id)).toMatchObject({ state: 'SENT' });
  });

  test('is cancelled at once before it was sent, and afterwards by its node', async () => {
    const back = (id: string) => tasks.cancelTask(db, id, { by: 'bob', now: NOW });
    const [one, two] = [await tasks.createTask(db, start()), await tasks.createTask(db, start())];
    expect(await back(one.id)).toMatchObject({
      isNodeToBeTold: false,
      task: { state: 'CANCELED' },
    });
    expect(await tasks.recordTaskSent(db, one.id, NOW)).toBe(false);
    await tasks.recordTaskSent(db, two.id, NOW);
    expect(await back(two.id)).toMatchObject({ isNodeToBeTold: true, task: { state: 'SENT' } });
    expect(await tasks.listUnfinishedTasks(db, ONE, NOW)).toMatchObject([
      { isCancelRequested: true },
    ]);
    const error = { code: TaskErrorCode.CANCELED, message: 'taken back' };
    await report(two.id, { number: 1, state: TaskState.FAILED, error });
    expect(await back(two.id)).toMatchObject({
      isNodeToBeTold: false,
      task: { state: 'CANCELED' },
    });
    expect(await back(crypto.randomUUID())).toBeUndefined();
    expect((await actions()).slice(-2)).toEqual(['task.cancel', 'task.cancel']);
  });

  test('that is sent and cancelled at the same time ends as either', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { id } = await tasks.createTask(db, start());
      const [sent, canceled] = await Promise.all([
        tasks.recordTaskSent(db, id, NOW),
        tasks.cancelTask(db, id, { by: 'bob', now: NOW }),
      ]);
      expect(canceled?.isNodeToBeTold).toBe(sent);
    }
  });
});
