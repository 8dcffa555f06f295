import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { sql } from 'kysely';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EVENT_SUBJECTS, type FleetEvent } from '../../apps/api/events.ts';
import * as alerts from '../../apps/control-plane/database/repositories/alerts.ts';
import { departNode } from '../../apps/control-plane/database/repositories/departed-nodes.ts';
import {
  isWanted,
  listEvents,
  listNewestEvents,
  numberEvents,
  pruneEvents,
  readEventBounds,
  skipEventNumbers,
  writeEvent,
} from '../../apps/control-plane/database/repositories/events.ts';
import {
  registerNode,
  setNodePhase,
} from '../../apps/control-plane/database/repositories/nodes.ts';
import { createTask, failTask } from '../../apps/control-plane/database/repositories/tasks.ts';
import { StartVmSchema } from '../../apps/proto/gen/quantix/v1/task_pb.js';
import { type OpenTestDatabase, openTestDatabase } from './database.ts';

let made: OpenTestDatabase;
beforeAll(async () => {
  made = await openTestDatabase();
});
afterAll(() => made[Symbol.asyncDispose]());

const said = (text: string) => ({
  kind: 'user.said',
  subject: { type: 'USER', id: text, name: text } as const,
});

/** Returns the events that happen during the work. */
async function during(work: () => Promise<unknown>): Promise<FleetEvent[]> {
  const { db } = made.database;
  await numberEvents(db, 1000);
  const { last } = await readEventBounds(db);
  await work();
  await numberEvents(db, 1000);
  return await listEvents(db, { after: last, limit: 1000 });
}

describe('a change of a row writes an event in the same transaction', () => {
  const node = randomUUID();
  const told = (events: readonly FleetEvent[]) => events.map(({ kind, data }) => [kind, data]);

  test('nodes', async () => {
    const { db } = made.database;
    const joined = await during(() =>
      registerNode(db, { id: node, hostname: 'one', managementIp: '192.0.2.1', spec: {} }),
    );
    expect(joined).toMatchObject([
      { kind: 'node.joined', nodeId: node, subject: { type: 'NODE', id: node, name: 'one' } },
    ]);
    expect(told(await during(() => setNodePhase(db, node, 'MAINTENANCE')))).toMatchObject([
      ['node.phase', { phase: 'MAINTENANCE' }],
    ]);
    // A change to the same value is not an event.
    expect(await during(() => setNodePhase(db, node, 'MAINTENANCE'))).toEqual([]);
  });

  test('virtual machines', async () => {
    const { db } = made.database;
    const project = '00000000-0000-0000-0000-000000000001';
    const vm = randomUUID();
    const change = (set: string) => () =>
      sql.raw(`UPDATE virtual_machines SET ${set} WHERE id = '${vm}'`).execute(db);
    const found = await during(() =>
      sql`INSERT INTO virtual_machines (id, name, project_id, node_id, origin, is_managed)
        VALUES (${vm}, 'web', ${project}, ${node}, 'host-discovered', false)`.execute(db),
    );
    expect(found).toMatchObject([
      { kind: 'vm.discovered', nodeId: node, subject: { name: 'web' } },
    ]);
    expect(told(await during(change(`power_state = 'RUNNING', last_seen = now()`)))).toEqual([
      [
        'vm.changed',
        { changed: ['powerState'], powerState: 'RUNNING', nodeId: node, isManaged: false },
      ],
    ]);
    expect(await during(change('last_seen = now()'))).toEqual([]);
    expect(told(await during(change(`lost_at = now(), lost_reason = 'gone'`)))).toMatchObject([
      ['vm.lost', { lostReason: 'gone' }],
    ]);
    expect(told(await during(change('lost_at = NULL, lost_reason = NULL')))).toMatchObject([
      ['vm.found', {}],
    ]);
    expect(
      await during(() => sql`DELETE FROM virtual_machines WHERE id = ${vm}`.execute(db)),
    ).toMatchObject([{ kind: 'vm.removed', subject: { id: vm, name: 'web' } }]);
  });

  test('tasks: each state, and progress in steps of ten percent', async () => {
    const { db } = made.database;
    const value = create(StartVmSchema, { vmId: randomUUID() });
    let id = '';
    const created = await during(async () => {
      const expiresAt = new Date(Date.now() + 60_000);
      const verb = { case: 'startVm', value } as const;
      ({ id } = await createTask(db, { nodeId: node, verb, requestedBy: 'ada', expiresAt }));
    });
    expect(told(created)).toMatchObject([
      ['task.created', { state: 'QUEUED', requestedBy: 'ada' }],
    ]);
    const progress = (percent: number) => () =>
      sql`UPDATE tasks SET progress = ${percent} WHERE id = ${id}`.execute(db);
    expect(await during(progress(9))).toEqual([]);
    expect(told(await during(progress(11)))).toMatchObject([['task.changed', { progress: 11 }]]);
    const failure = { code: 'CONFLICT', message: 'it runs', now: new Date() } as const;
    expect(told(await during(() => failTask(db, id, failure)))).toMatchObject([
      ['task.changed', { state: 'FAILED', errorCode: 'CONFLICT', errorMessage: 'it runs' }],
    ]);
  });

  test('alerts: raised once, raised in severity, acknowledged, cleared', async () => {
    const { db } = made.database;
    const alert = { title: 'It burns', sourceType: 'HOST', sourceId: node, sourceName: 'one' };
    let id = '';
    const raise = (severity: string) => async () => {
      ({ id } = await alerts.raiseAlert(db, { ...alert, severity }));
    };
    const kinds = async (work: () => Promise<unknown>) =>
      (await during(work)).map(({ kind, nodeId }) => [kind, nodeId]);
    expect(await kinds(raise('WARNING'))).toEqual([['alert.raised', node]]);
    expect(await kinds(raise('WARNING'))).toEqual([]);
    expect(await kinds(raise('CRITICAL'))).toEqual([['alert.changed', node]]);
    const act = { by: 'ada', at: new Date() };
    expect(await kinds(() => alerts.acknowledgeAlert(db, id, act))).toEqual([
      ['alert.acknowledged', node],
    ]);
    expect(await kinds(() => alerts.acknowledgeAlert(db, id, act))).toEqual([]);
    expect(await kinds(() => alerts.clearAlert(db, id, act))).toEqual([['alert.cleared', node]]);
    expect(await kinds(() => alerts.clearAlert(db, id, act))).toEqual([]);
  });

  test('a node that leaves', async () => {
    const { db } = made.database;
    const departure = { nodeId: node, how: 'LEFT', by: 'ada', reason: 'sold' } as const;
    const events = await during(() => departNode(db, { ...departure, now: new Date() }));
    expect(told(events)).toContainEqual([
      'node.departed',
      { how: 'LEFT', by: 'ada', reason: 'sold' },
    ]);
  });

  test('a transaction that is rolled back leaves no event', async () => {
    const events = await during(() =>
      made.database.db
        .transaction()
        .execute(async (transaction) => {
          await writeEvent(transaction, said('nothing'));
          throw new Error('undone');
        })
        .catch(() => undefined),
    );
    expect(events).toEqual([]);
  });
});

/** A step of one of several transactions, or of the listener. */
type Step =
  | { readonly what: 'write' | 'commit' | 'undo'; readonly by: number }
  | { readonly what: 'listen' };

describe('numbers', () => {
  test('reading after the last number misses no event, however transactions interleave', async () => {
    await using own = await openTestDatabase();
    const { db } = own.database;
    await using stack = new AsyncDisposableStack();
    const { socketFolder, database, user } = own.address;
    const writers: Client[] = [];
    for (let index = 0; index < 3; index += 1) {
      const client = new Client({ host: socketFolder, database, user });
      await client.connect();
      stack.defer(() => client.end());
      writers.push(client);
    }
    const step = fc.oneof(
      fc.record({
        what: fc.constantFrom('write', 'write', 'commit', 'undo'),
        by: fc.nat({ max: writers.length - 1 }),
      }),
      fc.constant({ what: 'listen' } as const),
    );
    let name = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps: Step[]) => {
        const open: string[][] = writers.map(() => []);
        const committed: string[] = [];
        const heard: string[] = [];
        let { last } = await readEventBounds(db);
        const listen = async () => {
          while ((await numberEvents(db, 2)) > 0);
          for (const { id, subject } of await listEvents(db, { after: last, limit: 1000 })) {
            expect(id).toBe(last + 1);
            last = id;
            heard.push(subject.id);
          }
        };
        const end = async (by: number, how: 'COMMIT' | 'ROLLBACK') => {
          if (open[by]!.length === 0) return;
          await writers[by]!.query(how);
          if (how === 'COMMIT') committed.push(...open[by]!);
          open[by] = [];
        };
        for (const one of [
          ...steps,
          ...writers.map((_, by) => ({ what: 'commit', by }) as const),
        ]) {
          if (one.what === 'listen') await listen();
          else if (one.what === 'commit') await end(one.by, 'COMMIT');
          else if (one.what === 'undo') await end(one.by, 'ROLLBACK');
          else {
            if (open[one.by]!.length === 0) await writers[one.by]!.query('BEGIN');
            name += 1;
            open[one.by]!.push(String(name));
            await writers[one.by]!.query(
              `INSERT INTO unnumbered_events (kind, subject_type, subject_id) VALUES ('user.said', 'USER', $1)`,
              [String(name)],
            );
          }
        }
        await listen();
        expect(heard.toSorted()).toEqual(committed.toSorted());
      }),
      { numRuns: 60 },
    );
  });

  test('concurrent numbering gives each event one number, without gaps', async () => {
    await using own = await openTestDatabase();
    const { db } = own.database;
    await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        await writeEvent(db, said(String(index)));
        await numberEvents(db, 3);
      }),
    );
    while ((await numberEvents(db, 1000)) > 0);
    const events = await listEvents(db, { after: 0, limit: 1000 });
    expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
    expect(new Set(events.map(({ subject }) => subject.id)).size).toBe(40);
    expect(await readEventBounds(db)).toEqual({ last: 40, resumableFrom: 0 });
  });

  test('old events are pruned by number and age, and after a restore numbers that were given before are not reused', async () => {
    await using own = await openTestDatabase();
    const { db } = own.database;
    for (const text of ['a', 'b', 'c', 'd', 'e']) await writeEvent(db, said(text));
    await numberEvents(db, 1000);
    const prune = (keep: number, before: Date, most = 1000) =>
      db.transaction().execute((transaction) => pruneEvents(transaction, { keep, before, most }));
    expect(await prune(10, new Date(0))).toBe(0);
    expect(await readEventBounds(db)).toEqual({ last: 5, resumableFrom: 0 });
    expect(await prune(3, new Date(0), 1)).toBe(1);
    expect(await readEventBounds(db)).toEqual({ last: 5, resumableFrom: 1 });
    expect(await prune(3, new Date(0))).toBe(1);
    expect(await readEventBounds(db)).toEqual({ last: 5, resumableFrom: 2 });
    expect((await listNewestEvents(db, { limit: 9 })).map(({ id }) => id)).toEqual([3, 4, 5]);
    expect(await prune(3, new Date(Date.now() + 60_000), 2)).toBe(2);
    expect(await prune(3, new Date(Date.now() + 60_000))).toBe(1);
    expect(await readEventBounds(db)).toEqual({ last: 5, resumableFrom: 5 });
    await skipEventNumbers(db);
    const { last, resumableFrom } = await readEventBounds(db);
    expect(resumableFrom).toBe(last);
    await writeEvent(db, said('after'));
    await numberEvents(db, 1000);
    expect(await listEvents(db, { after: last, limit: 9 })).toMatchObject([{ id: last + 1 }]);
  });

  test('events from before a restore stay until they are too many or too old', async () => {
    await using own = await openTestDatabase();
    const { db } = own.database;
    for (const text of ['a', 'b', 'c']) await writeEvent(db, said(text));
    await numberEvents(db, 1000);
    await skipEventNumbers(db);
    const { last } = await readEventBounds(db);
    for (const text of ['d', 'e']) await writeEvent(db, said(text));
    await numberEvents(db, 1000);
    const prune = (keep: number) =>
      db
        .transaction()
        .execute((one) => pruneEvents(one, { keep, before: new Date(0), most: 1000 }));
    expect(await prune(10)).toBe(0);
    expect(await prune(4)).toBe(1);
    const left = (await listNewestEvents(db, { limit: 9 })).map(({ id }) => id);
    expect(left).toEqual([2, 3, last + 1, last + 2]);
  });
});

test('a filter matches the same events in the database and in the program', async () => {
  await using own = await openTestDatabase();
  const { db } = own.database;
  const kinds = ['vm.lost', 'vm.found', 'vmx.lost', 'task.changed'];
  const nodes = [randomUUID(), randomUUID(), null];
  for (const [index, kind] of [...kinds, ...kinds, ...kinds].entries()) {
    const type = EVENT_SUBJECTS[index % EVENT_SUBJECTS.length]!;
    const nodeId = nodes[index % nodes.length] ?? undefined;
    await writeEvent(db, {
      ...{ kind, subject: { type, id: String(index % 2), name: '' } },
      ...(nodeId === undefined ? {} : { nodeId }),
    });
  }
  await numberEvents(db, 1000);
  const all = await listEvents(db, { after: 0, limit: 1000 });
  const some = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined });
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        kinds: some(fc.subarray(['vm', 'vm.lost', 'task', 'vm.', '', 'v%'])),
        subjectTypes: some(fc.subarray([...EVENT_SUBJECTS])),
        subjectId: some(fc.constantFrom('0', '1', '2')),
        nodeId: some(fc.constantFrom(nodes[0]!, randomUUID(), 'none')),
      }),
      async (filter) => {
        expect(await listEvents(db, { after: 0, limit: 1000, filter })).toEqual(
          all.filter((event) => isWanted(event, filter)),
        );
      },
    ),
    { numRuns: 60 },
  );
});
