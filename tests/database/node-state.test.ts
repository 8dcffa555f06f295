import { randomUUID } from 'node:crypto';
import { create, type DescMessage, type Message, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { type RawBuilder, sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Database, Executor } from '../../apps/control-plane/database/database.ts';
import { listOpenAlerts } from '../../apps/control-plane/database/repositories/alerts.ts';
import { departNode } from '../../apps/control-plane/database/repositories/departed-nodes.ts';
import * as nodes from '../../apps/control-plane/database/repositories/nodes.ts';
import * as pools from '../../apps/control-plane/database/repositories/storage-pools.ts';
import * as machines from '../../apps/control-plane/database/repositories/virtual-machines.ts';
import { MalformedMessageError } from '../../apps/control-plane/reconciliation/error.ts';
import type { NodeState } from '../../apps/control-plane/reconciliation/node-state.ts';
import { openNodeState, readKept } from '../../apps/control-plane/reconciliation/node-state.ts';
import { hashVmReports } from '../../apps/control-plane/reconciliation/reports.ts';
import {
  HeartbeatRequestSchema,
  NotifyStorageChangeRequestSchema,
  NotifyVMChangeRequestSchema,
  SyncFullStateRequestSchema,
} from '../../apps/proto/gen/quantix/v1/node_service_pb.js';
import { RefusalReason } from '../../apps/proto/gen/quantix/v1/refusal_pb.js';
import {
  PoolHealth,
  PoolType,
  type StoragePoolSchema,
} from '../../apps/proto/gen/quantix/v1/storage_pb.js';
import { PowerState, VirtualMachineSchema } from '../../apps/proto/gen/quantix/v1/vm_pb.js';
import { hashPools, hashVms } from '../../apps/proto/state-hash.ts';
import { countWaiting, type OpenTestDatabase, openTestDatabase, SILENT } from './database.ts';

const DEFAULT = '00000000-0000-0000-0000-000000000001';
const A = '11111111-1111-8111-8111-111111111111';
const B = '22222222-2222-8222-8222-222222222222';
const ID = '33333333-3333-8333-8333-333333333333';
const { RUNNING, SHUT_OFF } = PowerState;

let opened: OpenTestDatabase;
let database: Database;
let db: Database['db'];
let state: NodeState;

beforeAll(async () => {
  opened = await openTestDatabase();
  database = opened.database;
  db = database.db;
  await sql`UPDATE leadership SET epoch = 7`.execute(db);
  const leadership = { untilOvertaken: <T>(work: (epoch: number) => Promise<T>) => work(7) };
  state = openNodeState({ database, leadership, log: SILENT });
});
afterAll(() => opened[Symbol.asyncDispose]());

beforeEach(async () => {
  await sql`TRUNCATE nodes, virtual_machines, storage_pools, departed_nodes, alerts CASCADE`.execute(
    db,
  );
  for (const id of [A, B]) {
    await nodes.registerNode(db, { id, hostname: 'host', managementIp: null, spec: {} });
  }
});

/** Fields of a message. */
type Init<D extends DescMessage> = Exclude<MessageInitShape<D>, Message>;
type VmInit = Init<typeof VirtualMachineSchema>;
type PoolInit = Init<typeof StoragePoolSchema>;

const at = (epoch: number, number: number) => ({ epoch: BigInt(epoch), number: BigInt(number) });
const vm = (id: string, powerState = RUNNING, name = 'on the host'): VmInit => ({
  ...{ id, name, powerState, cpus: 2, memoryBytes: 1n << 31n },
});

async function* stream<T>(...parts: T[]) {
  yield* parts;
}

function sync(
  nodeId: string,
  position: { epoch: bigint; number: bigint },
  content: Omit<Init<typeof SyncFullStateRequestSchema>, 'position'>,
  signal?: AbortSignal,
) {
  const described = { host: { hostname: 'host' }, hypervisor: { available: true } };
  const whole = { position, part: 1, last: true, ...described, ...content };
  return state.syncFullState(nodeId, stream(create(SyncFullStateRequestSchema, whole)), signal);
}

function present(nodeId: string, position: ReturnType<typeof at>, value: VmInit) {
  const change = { case: 'present' as const, value };
  return state.notifyVmChange(nodeId, create(NotifyVMChangeRequestSchema, { position, change }));
}

function absent(nodeId: string, position: ReturnType<typeof at>, value: string) {
  const change = { case: 'absentId' as const, value };
  return state.notifyVmChange(nodeId, create(NotifyVMChangeRequestSchema, { position, change }));
}

function beat(nodeId: string, content: Init<typeof HeartbeatRequestSchema>) {
  const request = { hostname: 'host', hypervisor: { available: true }, ...content };
  return state.heartbeat(nodeId, create(HeartbeatRequestSchema, request));
}

/** Returns the hashes of a node with these virtual machines. */
function hashes(vms: VmInit[], form = 1) {
  const all = vms.map((one) => create(VirtualMachineSchema, one));
  return { form, vms: hashVms(all, form), pools: hashPools([], form) };
}

const machine = (id = ID) => machines.findVirtualMachine(db, id);

/** Counts something in each table before and after a piece of work. @returns the differences, by table */
async function counted(
  what: RawBuilder<number>,
  work: () => Promise<unknown>,
): Promise<Record<string, number>> {
  const count = async () => {
    // Each connection reports its counts at its own time; all of them are made to report.
    await Promise.all(
      Array.from({ length: 10 }, () =>
        sql`SELECT pg_stat_force_next_flush(), pg_sleep(0.02)`.execute(db),
      ),
    );
    const { rows } = await sql<{ table: string; counted: number }>`
      SELECT relname AS table, ${what} AS counted FROM pg_stat_user_tables`.execute(db);
    return new Map(rows.map(({ table, counted }) => [table, counted]));
  };
  const before = await count();
  await work();
  const after = [...(await count())].map(([table, n]) => [table, n - (before.get(table) ?? 0)]);
  return Object.fromEntries(after.filter(([, n]) => n !== 0));
}

/** Rows written by a piece of work, by table. */
const written = (work: () => Promise<unknown>) =>
  counted(sql`n_tup_ins + n_tup_upd + n_tup_del`, work);

/** Waits until at least this number of other transactions wait for locks of a transaction. */
async function untilAwaited(transaction: Executor, count: number): Promise<void> {
  const waiting = async () => {
    const { rows } = await sql`
      SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))`.execute(
      transaction,
    );
    return rows.length;
  };
  await expect.poll(waiting, { timeout: 4000 }).toBeGreaterThanOrEqual(count);
}

describe('full states', () => {
  test('a node is READY only after its full state, which is recorded', async () => {
    await beat(A, { position: at(1, 1), managementAddress: '10.0.0.5' });
    expect(await nodes.findNode(db, A)).toMatchObject({
      phase: 'PENDING',
      managementIp: '10.0.0.5',
    });
    const host = { hostname: 'alpha', hardware: { bootId: 'boot 1' } };
    const answer = await sync(A, at(1, 2), {
      managementAddress: '10.0.0.6',
      host,
      vms: { items: [vm(ID)] },
      pools: { items: [] },
    });
    expect(answer).toMatchObject({ applied: true, vmsDiscovered: 1, rejectedIds: [] });
    expect(answer.kept).toMatchObject({ state: at(1, 2), heartbeat: at(1, 1) });
    expect(await readKept(db, A)).toMatchObject({ state: at(1, 2), heartbeat: at(1, 1) });
    expect(await nodes.findNode(db, A)).toMatchObject({
      ...{ phase: 'READY', hostname: 'alpha', managementIp: '10.0.0.6' },
      managementIpChangedAt: expect.any(Date),
    });
    expect(await machine()).toMatchObject({
      ...{ name: 'on the host', origin: 'host-discovered', isManaged: false },
      ...{ nodeId: A, powerState: 'RUNNING' },
    });
  });

  test.each(['full state', 'change'])(
    'a %s that waits for its node while a later message is applied changes nothing',
    async (kind) => {
      await sync(A, at(1, 1), { vms: { items: [vm(ID)] } });
      let answer: Promise<unknown> | undefined;
      await db.transaction().execute(async (holder) => {
        await sql`SELECT FROM nodes WHERE id = ${A} FOR NO KEY UPDATE`.execute(holder);
        const late =
          kind === 'change'
            ? present(A, at(1, 2), vm(ID, SHUT_OFF))
            : sync(A, at(1, 2), { vms: { items: [vm(ID, SHUT_OFF)] } });
        answer = expect(late).resolves.toMatchObject({ applied: false, kept: { state: at(1, 3) } });
        await untilAwaited(holder, 1);
        await sql`UPDATE node_states SET sequence = 3 WHERE node_id = ${A}`.execute(holder);
      });
      await answer;
      expect(await machine()).toMatchObject({ powerState: 'RUNNING' });
      expect((await readKept(db, A)).state).toMatchObject(at(1, 3));
    },
  );

  test('a repeated report writes only its position, and an older one nothing', async () => {
    const items = Array.from({ length: 50 }, (_, index) =>
      vm(`33333333-3333-8333-8333-${String(index).padStart(12, '0')}`),
    );
    const pool: PoolInit = { id: 'p', name: 'p', health: PoolHealth.HEALTHY, type: PoolType.NFS };
    const content = { host: { hostname: 'host' }, vms: { items }, pools: { items: [pool] } };
    await sync(A, at(1, 1), content);
    expect(await written(() => sync(A, at(1, 2), content))).toEqual({ node_states: 1 });
    expect(await written(() => sync(A, at(1, 2), content))).toEqual({});
    items[7] = { ...items[7]!, powerState: PowerState.PAUSED };
    expect(await written(() => sync(A, at(1, 3), content))).toEqual({
      ...{ node_states: 1, reported_vms: 1, virtual_machines: 1, unnumbered_events: 1 },
    });
  });

  test('the first full state of a node does not read through the rows of the others', async () => {
    const ids = Array.from({ length: 200 }, () => randomUUID());
    for (const id of ids) {
      await nodes.registerNode(db, { id, hostname: 'host', managementIp: null, spec: {} });
    }
    // Autovacuum does this within a minute; the planner then knows that the table is small.
    await sql`ANALYZE nodes`.execute(db);
    const items = Array.from({ length: 50 }, () => vm(randomUUID()));
    const last = ids.at(-1) ?? '';
    const read = await counted(sql`seq_tup_read`, () => sync(last, at(1, 1), { vms: { items } }));
    // PostgreSQL looks up the node for each claim, to check the foreign key.
    expect(read.nodes ?? 0).toBeLessThan(items.length * ids.length);
  });

  test('the definition of a managed machine is not changed; a missing one is marked lost, and found when it reappears', async () => {
    const { id } = await machines.defineVirtualMachine(db, { name: 'web', projectId: DEFAULT });
    await sync(A, at(1, 1), { vms: { items: [vm(id)] } });
    expect(await machine(id)).toMatchObject({ name: 'web', projectId: DEFAULT, nodeId: A });
    await sync(A, at(1, 2), {});
    expect(await machine(id)).toMatchObject({ powerState: 'RUNNING', lostAt: null });
    expect(await sync(A, at(1, 3), { vms: {} })).toMatchObject({ vmsLost: 1 });
    expect(await machine(id)).toMatchObject({ powerState: 'UNKNOWN', lostAt: expect.any(Date) });
    expect(await present(A, at(1, 4), vm(id))).toMatchObject({ applied: true });
    expect(await machine(id)).toMatchObject({ powerState: 'RUNNING', lostAt: null });
  });

  test('a managed machine that is reported gone is lost only after a full state, which is requested', async () => {
    const { id } = await machines.defineVirtualMachine(db, { name: 'web', projectId: DEFAULT });
    await sync(A, at(1, 1), { vms: { items: [vm(id), vm(ID)] } });
    expect(await absent(A, at(1, 2), ID)).toMatchObject({ requestFullSync: false });
    expect(await machine()).toBeUndefined();
    expect(await absent(A, at(1, 3), id)).toMatchObject({ applied: true, requestFullSync: true });
    expect(await machine(id)).toMatchObject({ powerState: 'UNKNOWN', lostAt: null });
    expect(await sync(A, at(1, 4), { vms: {} })).toMatchObject({ vmsLost: 1 });
  });

  test('malformed machines are rejected without stopping the rest, and count in the hash', async () => {
    const items = [
      vm('nonsense'),
      vm('a\0b'),
      vm('x'.repeat(9000)),
      vm(ID, RUNNING, 'a\0b'),
      vm(A),
    ];
    const answer = await sync(A, at(1, 1), { vms: { items }, pools: { items: [{ id: '' }] } });
    expect(answer.rejectedIds).toEqual(['nonsense', 'a\0b', 'x'.repeat(9000), ID, '']);
    expect(await machines.listVirtualMachines(db)).toMatchObject([{ id: A }]);
    const { vms } = hashes(items);
    const told = { acknowledged: at(1, 1), stateHash: { form: 1, vms } };
    expect(await beat(A, { position: at(1, 2), ...told })).toMatchObject({
      requestFullSync: false,
    });
  });

  test('parts that do not make one complete full state change nothing', async () => {
    const part = (content: Init<typeof SyncFullStateRequestSchema>) =>
      create(SyncFullStateRequestSchema, { position: at(1, 1), ...content });
    const send = (...parts: ReturnType<typeof part>[]) => state.syncFullState(A, stream(...parts));
    const broken = [
      [],
      [part({ part: 1 })],
      [part({ part: 2, last: true })],
      [part({ part: 1 }), part({ part: 3, last: true })],
      [part({ part: 1 }), part({ part: 2, last: true, position: at(1, 2) })],
      [part({ part: 1, last: true }), part({ part: 2, last: true })],
      [part({ part: 1, last: true, position: at(0, 1) })],
      [part({ part: 1, last: true, position: { epoch: 1n, number: 1n << 63n } })],
      Array.from({ length: 65 }, (_, index) => part({ part: index + 1, last: index === 64 })),
    ];
    for (const parts of broken) await expect(send(...parts)).rejects.toThrow();
    expect((await readKept(db, A)).state).toBeUndefined();
    const vms = { items: [vm(A)] };
    await send(part({ part: 1, vms }), part({ part: 2, last: true, vms: { items: [vm(B)] } }));
    expect(await machines.listVirtualMachines(db, { nodeId: A })).toHaveLength(2);
  });

  /**
   * Sends full states of a number of new nodes; a lock delays them until the work is done.
   * @param work gets those that have been read so far
   */
  async function whileHeld(
    count: number,
    work: (read: ReadonlySet<string>) => Promise<void>,
  ): Promise<void> {
    const many = Array.from({ length: count }, () => randomUUID());
    for (const id of many) {
      await nodes.registerNode(db, { id, hostname: 'host', managementIp: null, spec: {} });
    }
    let answers: Promise<{ applied: boolean }[]> | undefined;
    await db.transaction().execute(async (holder) => {
      await sql`SELECT FROM nodes WHERE id = ANY (${many}::uuid[]) FOR UPDATE`.execute(holder);
      const read = new Set<string>();
      const parts = async function* (id: string) {
        read.add(id);
        const content = { position: at(1, 1), part: 1, last: true, vms: { items: [] } };
        yield create(SyncFullStateRequestSchema, content);
      };
      answers = Promise.all(many.map((id) => state.syncFullState(id, parts(id))));
      await untilAwaited(holder, 8);
      await work(read);
    });
    expect((await answers)?.filter(({ applied }) => applied)).toHaveLength(count);
  }

  test('many simultaneous full states leave connections for changes of other nodes', async () => {
    await sync(A, at(1, 1), { vms: { items: [vm(ID)] } });
    await whileHeld(20, async () => {
      const change = await present(A, at(1, 2), vm(ID, SHUT_OFF));
      expect(change).toMatchObject({ applied: true });
    });
  });

  test('a change is applied before full states that arrived earlier, most of which are not even read by then', async () => {
    await sync(A, at(1, 1), { vms: { items: [vm(ID)] } });
    await whileHeld(100, async (read) => {
      await present(A, at(1, 2), vm(ID, SHUT_OFF));
      expect(await machine()).toMatchObject({ powerState: 'SHUT_OFF' });
      expect(read.size).toBeLessThan(50);
    });
  });

  test('each of several simultaneous full states has its own result: without news, with news, outdated, in conflict, or refused', async () => {
    const [C, D, E] = [3, 4, 5].map((one) => `${one}6666666-6666-8666-8666-666666666666`);
    if (C === undefined || D === undefined || E === undefined) throw new Error('no ids');
    const content = (of: string, powerState = RUNNING) => ({
      vms: { items: [vm(of.replace('8', '4'), powerState), vm(of.replace('8', '5'))] },
      pools: { items: [{ id: 'p', name: 'p', health: PoolHealth.HEALTHY }] },
    });
    for (const id of [C, D, E]) {
      await nodes.registerNode(db, { id, hostname: 'host', managementIp: null, spec: {} });
    }
    for (const id of [A, B, C, D, E]) await sync(id, at(1, 1), content(id));
    const end = { by: 'admin', reason: '', now: new Date() };
    await departNode(db, { nodeId: D, how: 'DELETED', ...end });
    const answers = await Promise.allSettled([
      sync(A, at(1, 2), content(A)),
      sync(B, at(1, 2), content(B, SHUT_OFF)),
      sync(C, at(1, 1), content(C)),
      sync(D, at(1, 2), content(D)),
      sync(E, at(1, 2), content(A)),
    ]);
    expect(answers).toMatchObject([
      { value: { applied: true, kept: { state: at(1, 2) } } },
      { value: { applied: true } },
      { value: { applied: false, kept: { state: at(1, 1) } } },
      { reason: { reason: RefusalReason.NODE_DELETED } },
      { value: { applied: true, vmsDiscovered: 0 } },
    ]);
    expect((await readKept(db, A)).state).toMatchObject(at(1, 2));
    expect(await machine(A.replace('8', '4'))).toMatchObject({ nodeId: A });
    expect(await machine(B.replace('8', '4'))).toMatchObject({ powerState: 'SHUT_OFF' });
    expect(await listOpenAlerts(db)).toHaveLength(2);
    const quiet = () =>
      Promise.all([
        sync(B, at(1, 3), content(B, SHUT_OFF)),
        sync(C, at(1, 3), content(C)),
        sync(C, at(1, 4), content(C)),
      ]);
    expect(await written(quiet)).toEqual({ node_states: 3 });
    const rows = await sql`SELECT FROM node_states WHERE full_state_at > now() - interval '1 hour'`;
    expect((await rows.execute(db)).rows).toHaveLength(4);
  });

  test('are applied one by one if they cannot be compared together, and the log says why', async () => {
    const lines: string[] = [];
    let calls = 0;
    const leadership = {
      untilOvertaken: async <T>(work: (epoch: number) => Promise<T>) => {
        calls += 1;
        if (calls === 1) throw new Error('a statement failed');
        return await work(7);
      },
    };
    const log = { ...SILENT, warning: (line: string) => lines.push(line) };
    const other = openNodeState({ database, leadership, log });
    const message = create(SyncFullStateRequestSchema, {
      ...{ position: at(1, 1), part: 1, last: true, vms: { items: [] } },
    });
    expect(await other.syncFullState(A, stream(message))).toMatchObject({ applied: true });
    expect(lines).toEqual([expect.stringContaining('a statement failed')]);
  });

  test('a queued full state is not applied once its caller has disconnected', async () => {
    const leaving = new AbortController();
    let answer: Promise<unknown> | undefined;
    await whileHeld(8, async () => {
      answer = expect(sync(A, at(1, 1), { vms: { items: [] } }, leaving.signal)).rejects.toThrow(
        /aborted/,
      );
      leaving.abort();
    });
    await answer;
    expect((await readKept(db, A)).state).toBeUndefined();
  });

  test('nodes that were deleted, have left or never registered are refused', async () => {
    const end = { by: 'admin', reason: '', now: new Date() };
    await departNode(db, { nodeId: A, how: 'DELETED', ...end });
    await departNode(db, { nodeId: B, how: 'LEFT', ...end });
    const refused = { reason: RefusalReason.NODE_DELETED };
    for (const id of [A, B]) {
      await expect(beat(id, { position: at(1, 1) })).rejects.toMatchObject(refused);
      await expect(sync(id, at(1, 1), {})).rejects.toMatchObject(refused);
      await expect(present(id, at(1, 1), vm(ID))).rejects.toMatchObject(refused);
    }
    await expect(beat(ID, { position: at(1, 1) })).rejects.toMatchObject({
      reason: RefusalReason.ADOPTION_PENDING,
    });
    expect(await nodes.listNodes(db, { phase: 'READY' })).toEqual([]);
  });
});

describe('migrations and conflicts', () => {
  test('a migration ends the same in either order of the reports', async () => {
    const { id } = await machines.defineVirtualMachine(db, { name: 'web', projectId: DEFAULT });
    for (const [epoch, order] of [
      [1, 'there first'],
      [2, 'gone first'],
    ] as const) {
      await sync(A, at(epoch, 1), { vms: { items: [vm(id)] } });
      await sync(B, at(epoch, 1), { vms: {} });
      expect(await machine(id)).toMatchObject({ nodeId: A });
      if (order === 'there first') await present(B, at(epoch, 2), vm(id));
      await absent(A, at(epoch, 2), id);
      await sync(A, at(epoch, 3), { vms: {} });
      if (order === 'gone first') await present(B, at(epoch, 2), vm(id));
      expect(await machine(id)).toMatchObject({ nodeId: B, powerState: 'RUNNING', lostAt: null });
    }
    expect(await listOpenAlerts(db)).toEqual([]);
  });

  test('two hosts that run the same machine raise one alert, and the machine stays on its host', async () => {
    await sync(A, at(1, 1), { vms: { items: [vm(ID)] } });
    await sync(B, at(1, 1), { vms: { items: [vm(ID)] } });
    for (const number of [2, 3]) {
      await sync(A, at(1, number), { vms: { items: [vm(ID)] } });
      await present(B, at(1, number), vm(ID));
      expect(await machine()).toMatchObject({ nodeId: A });
    }
    expect(await listOpenAlerts(db)).toMatchObject([{ severity: 'CRITICAL', sourceId: ID }]);
    await present(A, at(1, 4), vm(ID, SHUT_OFF));
    expect(await machine()).toMatchObject({ nodeId: B, powerState: 'RUNNING' });
    expect(await listOpenAlerts(db)).toEqual([]);
  });

  test('simultaneous reports of a migration by both hosts do not lose the machine', async () => {
    for (let epoch = 1; epoch <= 10; epoch += 1) {
      await sync(A, at(epoch, 1), { vms: { items: [vm(ID)] } });
      await sync(B, at(epoch, 1), { vms: {} });
      await Promise.all([sync(A, at(epoch, 2), { vms: {} }), present(B, at(epoch, 2), vm(ID))]);
      expect(await machine()).toMatchObject({ nodeId: B, powerState: 'RUNNING' });
    }
  });

  test('a host that returns after silence and still runs a machine that moved is in conflict', async () => {
    const vms = { items: [vm(ID)] };
    await sync(A, at(1, 1), { vms, pools: {} });
    await nodes.setNodePhase(db, A, 'DISCONNECTED');
    await sync(B, at(1, 1), { vms });
    expect(await machine()).toMatchObject({ nodeId: B });
    expect(await listOpenAlerts(db)).toEqual([]);
    await beat(A, { position: at(1, 2), acknowledged: at(1, 1), stateHash: hashes([vm(ID)]) });
    expect(await nodes.findNode(db, A)).toMatchObject({ phase: 'READY' });
    expect(await machine()).toMatchObject({ nodeId: B });
    expect(await listOpenAlerts(db)).toHaveLength(1);
  });
});

test('a host that returns after silence with a full state and still runs a machine that moved is in conflict', async () => {
  const vms = { items: [vm(ID)] };
  await sync(A, at(1, 1), { vms });
  await nodes.setNodePhase(db, A, 'DISCONNECTED');
  await sync(B, at(1, 1), { vms });
  expect(await machine()).toMatchObject({ nodeId: B });
  expect(await sync(A, at(2, 1), { vms })).toMatchObject({ applied: true });
  expect(await nodes.findNode(db, A)).toMatchObject({ phase: 'READY' });
  expect(await machine()).toMatchObject({ nodeId: B });
  expect(await listOpenAlerts(db)).toHaveLength(1);
});

test('a silent host in maintenance gives up a machine that another host runs', async () => {
  const vms = { items: [vm(ID)] };
  await sync(A, at(1, 1), { vms, pools: {} });
  await beat(A, { position: at(1, 2) });
  await nodes.setNodePhase(db, A, 'MAINTENANCE');
  await sql`UPDATE node_heartbeats SET received_at = now() - interval '91 seconds'`.execute(db);
  await sync(B, at(1, 1), { vms });
  expect(await machine()).toMatchObject({ nodeId: B, powerState: 'RUNNING' });
  expect(await listOpenAlerts(db)).toEqual([]);
  await beat(A, { position: at(1, 3), acknowledged: at(1, 1), stateHash: hashes([vm(ID)]) });
  expect(await nodes.findNode(db, A)).toMatchObject({ phase: 'MAINTENANCE' });
  expect(await machine()).toMatchObject({ nodeId: B });
  expect(await listOpenAlerts(db)).toHaveLength(1);
});

test('machines of a deleted node that another node runs are not lost, and move to it with its next full state', async () => {
  const { id } = await machines.defineVirtualMachine(db, { name: 'web', projectId: DEFAULT });
  const vms = { items: [vm(id), vm(ID)] };
  await sync(A, at(1, 1), { vms });
  await sync(B, at(1, 1), { vms });
  expect(await machine(id)).toMatchObject({ nodeId: A });
  await departNode(db, { nodeId: A, how: 'DELETED', by: 'admin', reason: '', now: new Date() });
  for (const one of [id, ID]) expect(await machine(one)).toMatchObject({ lostAt: null });
  expect(await beat(B, { position: at(1, 2) })).toMatchObject({ requestFullSync: true });
  expect(await sync(B, at(1, 3), { vms })).toMatchObject({ vmsDiscovered: 0 });
  for (const one of [id, ID]) {
    expect(await machine(one)).toMatchObject({ nodeId: B, powerState: 'RUNNING', lostAt: null });
  }
  expect(await listOpenAlerts(db)).toEqual([]);
});

test('a conflict ends when one of its two nodes has left: the machine is on the other', async () => {
  const vms = { items: [vm(ID)] };
  await sync(A, at(1, 1), { vms });
  await sync(B, at(1, 1), { vms });
  expect(await listOpenAlerts(db)).toHaveLength(1);
  await departNode(db, { nodeId: A, how: 'LEFT', by: 'node', reason: '', now: new Date() });
  expect(await beat(B, { position: at(1, 2) })).toMatchObject({ requestFullSync: true });
  await sync(B, at(1, 3), { vms });
  expect(await machine()).toMatchObject({ nodeId: B, powerState: 'RUNNING' });
  expect(await listOpenAlerts(db)).toEqual([]);
});

describe('heartbeats', () => {
  test.each([0, 1])('carry a hash of form %i that equals the recorded one', async (form) => {
    await sync(A, at(1, 1), { vms: { items: [vm(ID)] }, pools: {} });
    const told = { acknowledged: at(1, 1), stateHash: hashes([vm(ID)], form) };
    const answer = await beat(A, { position: at(1, 2), ...told });
    expect(answer).toMatchObject({
      applied: true,
      requestFullSync: false,
      heartbeatIntervalSeconds: 30,
    });
    expect(answer.stateHash).toMatchObject(told.stateHash);
    const other = { acknowledged: at(1, 1), stateHash: hashes([vm(ID, SHUT_OFF)], form) };
    expect(await beat(A, { position: at(1, 3), ...other })).toMatchObject({
      requestFullSync: true,
    });
    expect(await beat(A, { position: at(1, 3), ...other })).toMatchObject({ applied: false });
  });

  test('are answered with a request for a full state after a restore, after a reboot, or when an operator wants one', async () => {
    await sync(A, at(3, 5), { vms: {}, pools: {}, host: { hardware: { bootId: 'one' } } });
    const ask = async (content: Init<typeof HeartbeatRequestSchema>) =>
      (await beat(A, { bootId: 'one', ...content })).requestFullSync;
    const wrong = hashes([vm(ID)]);
    expect(await ask({ position: at(3, 6), acknowledged: at(3, 6) })).toBe(true);
    expect(await ask({ position: at(3, 7), acknowledged: at(3, 4), stateHash: wrong })).toBe(false);
    expect(await ask({ position: at(3, 8) })).toBe(false);
    expect(await ask({ position: at(3, 9), bootId: 'two' })).toBe(true);
    await sql`UPDATE nodes SET full_state_wanted_at = now() WHERE id = ${A}`.execute(db);
    expect(await ask({ position: at(3, 10) })).toBe(true);
    await sync(A, at(3, 11), { vms: {}, host: { hardware: { bootId: 'one' } } });
    expect(await ask({ position: at(3, 12) })).toBe(false);
  });

  test('never undo maintenance, and several at once are accepted', async () => {
    await sync(A, at(1, 1), { vms: {}, pools: {} });
    await nodes.setNodePhase(db, A, 'MAINTENANCE');
    const told = { acknowledged: at(1, 1), stateHash: hashes([]) };
    const beats = [2, 3, 4].map((number) => beat(A, { position: at(1, number), ...told }));
    const answers = await Promise.all([...beats, beat(B, { position: at(9, 1) })]);
    expect(answers.map(({ applied }) => applied)).toEqual([true, true, true, true]);
    expect(await nodes.findNode(db, A)).toMatchObject({ phase: 'MAINTENANCE' });
    await sync(A, at(2, 1), { vms: {} });
    expect(await nodes.findNode(db, A)).toMatchObject({ phase: 'MAINTENANCE' });
  });

  test('another machine with the same key is refused while the first one sends heartbeats', async () => {
    const one = { hardware: { smbiosUuid: 'one', bootId: 'boot one' } };
    const two = { hardware: { smbiosUuid: 'two', bootId: 'boot two' } };
    const refused = { reason: RefusalReason.DUPLICATE_KEY };
    await sync(A, at(1, 1), { host: one });
    await beat(A, { position: at(1, 2), bootId: 'boot one' });
    await beat(A, { position: at(1, 3), bootId: 'boot two' });
    await expect(sync(A, at(2, 1), { host: two })).rejects.toMatchObject(refused);
    await sql`UPDATE node_heartbeats SET boot_heard_at = now() - interval '91 seconds'`.execute(db);
    expect(await sync(A, at(2, 1), { host: two })).toMatchObject({ applied: true });
    await expect(beat(A, { position: at(3, 1), bootId: 'boot one' })).rejects.toMatchObject(
      refused,
    );
  });

  test('another machine with the same key is accepted if the first one was heard before the clock was set back', async () => {
    const host = { hardware: { smbiosUuid: 'two', bootId: 'boot two' } };
    await sync(A, at(1, 1), { host: { hardware: { smbiosUuid: 'one', bootId: 'boot one' } } });
    await beat(A, { position: at(1, 2), bootId: 'boot one' });
    await sql`UPDATE node_heartbeats SET boot_heard_at = now() + interval '1 year'`.execute(db);
    expect(await sync(A, at(2, 1), { host })).toMatchObject({ applied: true });
  });

  test('of a host with a date that cannot be recorded is refused, without those of other hosts', async () => {
    const health = { certificateEndsAt: { seconds: 1n << 60n, nanos: 0 } };
    const beats = [beat(A, { position: at(1, 1), health }), beat(B, { position: at(1, 1) })];
    const more = [beat(A, { position: at(1, 2), health }), beat(B, { position: at(1, 2) })];
    const ends = await Promise.allSettled([...beats, ...more]);
    const applied = { status: 'fulfilled', value: { applied: true } };
    const malformed = { status: 'rejected', reason: expect.any(MalformedMessageError) };
    expect(ends).toMatchObject([malformed, applied, malformed, applied]);
  });
});

describe('storage pools', () => {
  const pool = (id: string, type: PoolType, content: PoolInit = {}): PoolInit => ({
    ...{ id, name: id, type, health: PoolHealth.HEALTHY, writable: true },
    usage: { poolId: id, totalBytes: 100n, usedBytes: 40n, availableBytes: 60n },
    ...content,
  });

  test('a shared pool of several hosts is listed once, a local pool once for each host', async () => {
    const items = [pool('nas:/vms', PoolType.NFS), pool('path:/data', PoolType.DIRECTORY)];
    for (const id of [A, B]) {
      expect(await sync(id, at(1, 1), { pools: { items } })).toMatchObject({ applied: true });
    }
    const all = await pools.listStoragePools(db);
    expect(all.map(({ name }) => name).sort()).toEqual(['nas:/vms', 'path:/data', 'path:/data']);
    const shared = all.find(({ name }) => name === 'nas:/vms')!;
    expect(shared).toMatchObject({ capacityBytes: 100, phase: 'READY', isManaged: false });
    expect(await pools.listPoolHostStatuses(db, shared.id)).toHaveLength(2);
    const value = pool('nas:/vms', PoolType.NFS, { health: PoolHealth.FAILED, problem: 'stale' });
    const notify = (change: Init<typeof NotifyStorageChangeRequestSchema>) =>
      state.notifyStorageChange(A, create(NotifyStorageChangeRequestSchema, change));
    await notify({ position: at(1, 2), change: { case: 'present', value } });
    expect(await pools.findStoragePool(db, shared.id)).toMatchObject({ phase: 'DEGRADED' });
    await notify({ position: at(1, 3), change: { case: 'absentId', value: 'nas:/vms' } });
    expect(await pools.findStoragePool(db, shared.id)).toMatchObject({ phase: 'READY' });
    await sync(B, at(1, 2), { pools: {} });
    expect((await pools.listStoragePools(db)).map(({ name }) => name)).toEqual(['path:/data']);
  });

  test('a shared pool that fails on two hosts at the same moment has failed, and is well again in the same way', async () => {
    const nas = pool('nas:/vms', PoolType.NFS);
    for (const id of [A, B]) await sync(id, at(1, 1), { pools: { items: [nas] } });
    const notify = (id: string, number: number, health: PoolHealth) => {
      const change = { case: 'present' as const, value: { ...nas, health } };
      const request = { position: at(1, number), change };
      return state.notifyStorageChange(id, create(NotifyStorageChangeRequestSchema, request));
    };
    for (const [number, health, phase] of [
      [2, PoolHealth.FAILED, 'ERROR'],
      [3, PoolHealth.HEALTHY, 'READY'],
    ] as const) {
      let told: Promise<unknown> | undefined;
      await db.transaction().execute(async (transaction) => {
        // Both have recorded the state on their host before either derives that of the pool.
        await sql`SELECT FROM storage_pools FOR NO KEY UPDATE`.execute(transaction);
        told = Promise.all([notify(A, number, health), notify(B, number, health)]);
        await expect.poll(() => countWaiting(db), { timeout: 4000 }).toBe(2);
      });
      await told;
      expect(await pools.listStoragePools(db)).toMatchObject([{ phase }]);
    }
  });

  test('a shared pool that has failed on a host only is well again once that host is deleted', async () => {
    const nas = pool('nas:/vms', PoolType.NFS);
    await sync(A, at(1, 1), { pools: { items: [nas] } });
    const items = [{ ...nas, health: PoolHealth.FAILED }, pool('path:/data', PoolType.DIRECTORY)];
    await sync(B, at(1, 1), { pools: { items } });
    const phases = async () =>
      (await pools.listStoragePools(db)).map(({ name, phase }) => `${name} ${phase}`);
    expect(await phases()).toEqual(['nas:/vms DEGRADED', 'path:/data READY']);
    const end = { by: 'admin', reason: '', now: new Date() };
    await departNode(db, { nodeId: B, how: 'DELETED', ...end });
    expect(await phases()).toEqual(['nas:/vms READY']);
  });

  test('a pool that loses its name is rejected, and leaves no state of its former pool behind', async () => {
    const named = pool('path:/data', PoolType.DIRECTORY);
    await sync(A, at(1, 1), { pools: { items: [named] } });
    const { rejectedIds } = await sync(A, at(1, 2), { pools: { items: [{ ...named, name: '' }] } });
    expect(rejectedIds).toEqual(['path:/data']);
    expect(await pools.listStoragePools(db)).toEqual([]);
    await sync(A, at(1, 3), { pools: { items: [named] } });
    expect(await pools.listStoragePools(db)).toMatchObject([{ name: 'path:/data' }]);
  });

  test('an assigned pool keeps its name, and heartbeats update its usage', async () => {
    const { id } = await pools.createStoragePool(db, {
      name: 'gold',
      poolType: 'NFS',
      assignedNodeIds: [A],
    });
    const items = [pool('nas:/gold', PoolType.NFS, { assignedId: id })];
    await sync(A, at(1, 1), { pools: { items } });
    await beat(A, {
      position: at(1, 2),
      pools: [{ poolId: 'nas:/gold', totalBytes: 200n, usedBytes: 1n, availableBytes: 199n }],
    });
    expect(await pools.listStoragePools(db)).toMatchObject([
      { id, name: 'gold', isManaged: true, capacityBytes: 200, availableBytes: 199 },
    ]);
  });
});

test('after messages in any order, the records match the last full states', async () => {
  const ids = [ID, '44444444-4444-8444-8444-444444444444'];
  const states = fc.constantFrom(RUNNING, SHUT_OFF, undefined);
  const message = fc.record({
    node: fc.constantFrom(A, B),
    number: fc.integer({ min: 2, max: 6 }),
    kind: fc.constantFrom('vm' as const, 'full' as const),
    states: fc.tuple(states, states),
  });
  let epoch = 100;
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { maxLength: 8 }),
      fc.tuple(states, states),
      fc.tuple(states, states),
      async (messages, lastA, lastB) => {
        epoch += 1;
        const listOf = (all: readonly (PowerState | undefined)[]) =>
          ids.flatMap((id, index) => (all[index] === undefined ? [] : [vm(id, all[index])]));
        await sync(A, at(epoch, 1), { vms: {} });
        await sync(B, at(epoch, 1), { vms: {} });
        await Promise.all(
          messages.map(({ node, number, kind, states: all }) => {
            const position = at(epoch, number);
            if (kind === 'full') return sync(node, position, { vms: { items: listOf(all) } });
            return all[0] === undefined
              ? absent(node, position, ID)
              : present(node, position, vm(ID, all[0]));
          }),
        );
        const last: Record<string, VmInit[]> = { [A]: listOf(lastA), [B]: listOf(lastB) };
        await Promise.all(
          [A, B].map((id) => sync(id, at(epoch, 9), { vms: { items: last[id]! } })),
        );
        for (const node of [A, B]) {
          const { rows } = await sql<{ report: Uint8Array }>`
            SELECT report FROM reported_vms WHERE node_id = ${node}`.execute(db);
          expect(hashVmReports(rows.map(({ report }) => report))[1]).toBe(hashes(last[node]!).vms);
        }
        for (const [index, id] of ids.entries()) {
          const claims = [
            { nodeId: A, state: lastA[index] },
            { nodeId: B, state: lastB[index] },
          ].filter(({ state: one }) => one !== undefined);
          const runs = claims.filter(({ state: one }) => one === RUNNING);
          const fit = (runs.length > 0 ? runs : claims).map(({ nodeId }) => nodeId);
          const found = await machine(id);
          if (claims.length === 0) expect(found).toBeUndefined();
          else expect(fit).toContain(found?.nodeId);
        }
        const both = ids.filter((_, index) => lastA[index] === RUNNING && lastB[index] === RUNNING);
        expect((await listOpenAlerts(db)).map(({ sourceId }) => sourceId).sort()).toEqual(
          both.sort(),
        );
      },
    ),
    { numRuns: 25 },
  );
});
