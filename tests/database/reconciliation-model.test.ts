import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Database } from '../../apps/control-plane/database/database.ts';
import { departNode } from '../../apps/control-plane/database/repositories/departed-nodes.ts';
import {
  registerNode,
  setNodePhase,
} from '../../apps/control-plane/database/repositories/nodes.ts';
import { defineVirtualMachine } from '../../apps/control-plane/database/repositories/virtual-machines.ts';
import {
  type NodeState,
  openNodeState,
} from '../../apps/control-plane/reconciliation/node-state.ts';
import { isLater, type KeptPosition } from '../../apps/control-plane/reconciliation/position.ts';
import {
  HeartbeatRequestSchema,
  NotifyStorageChangeRequestSchema,
  NotifyVMChangeRequestSchema,
  SyncFullStateRequestSchema,
} from '../../apps/proto/gen/quantix/v1/node_service_pb.js';
import { RefusalReason } from '../../apps/proto/gen/quantix/v1/refusal_pb.js';
import { PoolHealth, PoolType } from '../../apps/proto/gen/quantix/v1/storage_pb.js';
import { PowerState, VirtualMachineSchema } from '../../apps/proto/gen/quantix/v1/vm_pb.js';
import { hashPools, hashVms } from '../../apps/proto/state-hash.ts';
import { defined, NAMES, reported, take, type World } from '../control-plane/vm-world.ts';
import { type OpenTestDatabase, openTestDatabase, SILENT } from './database.ts';

/*
 * The properties of reconciliation, with PostgreSQL and the complete processing of reports: after any messages of
 * several nodes, the records equal the result of the pure function, and unchanged rows are not written.
 */

const DEFAULT = '00000000-0000-0000-0000-000000000001';
const NODES = [1, 2, 3].map((one) => `${one}1111111-1111-8111-8111-111111111111`);
const FOUND = 'f3333333-3333-8333-8333-333333333333';
const STATES = { RUNNING: PowerState.RUNNING, SHUT_OFF: PowerState.SHUT_OFF } as const;

let opened: OpenTestDatabase;
let database: Database;
let db: Database['db'];
let state: NodeState;

beforeAll(async () => {
  opened = await openTestDatabase();
  database = opened.database;
  db = database.db;
  const leadership = { untilOvertaken: <T>(work: (epoch: number) => Promise<T>) => work(0) };
  state = openNodeState({ database, leadership, log: SILENT });
});
afterAll(() => opened[Symbol.asyncDispose]());

/** A database with three nodes, one of them in maintenance, and two managed machines. @returns ids of machines */
async function begin(): Promise<string[]> {
  await sql`TRUNCATE nodes, virtual_machines, storage_pools, departed_nodes, alerts CASCADE`.execute(
    db,
  );
  for (const id of NODES) {
    await registerNode(db, { id, hostname: 'host', managementIp: null, spec: {} });
  }
  await setNodePhase(db, NODES[2]!, 'MAINTENANCE');
  const ids = [FOUND];
  for (const name of NAMES) {
    ids.push((await defineVirtualMachine(db, { name, projectId: DEFAULT })).id);
  }
  return ids;
}

/** What a node reports about a machine: the machine's index, power state and name. */
interface Said {
  readonly machine: number;
  readonly powerState: keyof typeof STATES;
  readonly name: string;
}

/**
 * A message of a node. `order` is its position relative to the node's previous message of the same sequence: heartbeats
 * are one sequence, and all other messages are another.
 */
interface Sent {
  readonly node: number;
  readonly kind: 'full' | 'present' | 'absent' | 'heartbeat' | 'pool';
  readonly said: readonly Said[];
  readonly order: 'next' | 'next epoch' | 'again' | 'older';
}

const said = fc.record<Said>({
  machine: fc.nat({ max: 2 }),
  powerState: fc.constantFrom('RUNNING', 'SHUT_OFF'),
  name: fc.constantFrom('x', 'y'),
});
const sent = fc.record<Sent>({
  node: fc.nat({ max: 2 }),
  kind: fc.constantFrom('full', 'full', 'present', 'absent', 'heartbeat', 'pool'),
  said: fc.uniqueArray(said, { minLength: 1, maxLength: 3, selector: ({ machine }) => machine }),
  order: fc.constantFrom('next', 'next', 'next epoch', 'again', 'older'),
});

const at = ({ epoch, sequence }: KeptPosition) => ({
  epoch: BigInt(epoch),
  number: BigInt(sequence),
});
const POOLS = {
  items: [
    { id: 'nas:/vms', name: 'nas', type: PoolType.NFS, health: PoolHealth.HEALTHY },
    { id: 'path:/data', name: 'data', type: PoolType.DIRECTORY, health: PoolHealth.HEALTHY },
  ],
};

async function* stream<T>(...parts: T[]) {
  yield* parts;
}

/** Sends a message. @returns whether it was applied */
async function send(ids: readonly string[], one: Sent, place: KeptPosition): Promise<boolean> {
  const nodeId = NODES[one.node]!;
  const position = at(place);
  const [first] = one.said;
  const machineOf = ({ machine, powerState, name }: Said) => ({
    ...{ id: ids[machine]!, name, powerState: STATES[powerState] },
  });
  switch (one.kind) {
    case 'full': {
      const content: MessageInitShape<typeof SyncFullStateRequestSchema> = {
        ...{ position, part: 1, last: true, hypervisor: { available: true }, pools: POOLS },
        host: { hostname: 'host' },
        vms: { items: one.said.map(machineOf) },
      };
      const parts = stream(create(SyncFullStateRequestSchema, content));
      return (await state.syncFullState(nodeId, parts)).applied;
    }
    case 'heartbeat': {
      const beat = create(HeartbeatRequestSchema, { position, hostname: 'host' });
      return (await state.heartbeat(nodeId, beat)).applied;
    }
    case 'pool': {
      const change = { case: 'present' as const, value: POOLS.items[first!.machine % 2]! };
      const notice = create(NotifyStorageChangeRequestSchema, { position, change });
      return (await state.notifyStorageChange(nodeId, notice)).applied;
    }
    default: {
      const change =
        one.kind === 'present'
          ? { case: 'present' as const, value: machineOf(first!) }
          : { case: 'absentId' as const, value: ids[first!.machine]! };
      const notice = create(NotifyVMChangeRequestSchema, { position, change });
      return (await state.notifyVmChange(nodeId, notice)).applied;
    }
  }
}

/** Applies a message to the model. */
function expectedAfter(
  world: World,
  ids: readonly string[],
  { node, kind, said: all }: Sent,
): World {
  const nodeId = NODES[node]!;
  const machines = all.map(({ machine, powerState, name }) =>
    reported(ids[machine]!, powerState, name),
  );
  const report = { nodeId, isComplete: false, absent: [], present: [] };
  switch (kind) {
    case 'full':
      return take(world, { ...report, isComplete: true, present: machines }).world;
    case 'present':
      return take(world, { ...report, present: machines.slice(0, 1) }).world;
    case 'absent':
      return take(world, { ...report, absent: [ids[all[0]!.machine]!] }).world;
    default:
      return world;
  }
}

/** Reads the records of machines, in the format of the model. */
async function recorded(): Promise<World> {
  const { rows: vms } = await sql<World['vms'] extends Map<string, infer Vm> ? Vm : never>`
    SELECT vm.id, vm.name, vm.node_id, vm.power_state, vm.is_managed, lost_at IS NOT NULL AS is_lost,
      last_seen IS NOT NULL AS was_seen,
      coalesce((SELECT array_agg(n::text ORDER BY n::text) FROM unnest(conflict.node_ids) AS n), '{}') AS conflict
    FROM virtual_machines AS vm LEFT JOIN vm_conflicts AS conflict ON conflict.vm_id = vm.id`.execute(
    db,
  );
  const { rows: claims } = await sql<{ nodeId: string; vmId: string; powerState: 'RUNNING' }>`
    SELECT node_id, vm_id, power_state FROM reported_vms`.execute(db);
  const claimed = new Map<string, World['claims'] extends Map<string, infer Own> ? Own : never>();
  for (const { nodeId, vmId, powerState } of claims) {
    const own = claimed.get(nodeId) ?? new Map();
    claimed.set(nodeId, own.set(vmId, reported(vmId, powerState)));
  }
  return { vms: new Map(vms.map((one) => [one.id, one])), claims: claimed };
}

/** Returns the parts of a world that are compared; of a claim, its node, machine and state. */
function shape({ vms, claims }: World) {
  const all = [...claims].flatMap(([nodeId, own]) =>
    [...own.values()].map(({ id, powerState }) => `${nodeId} has ${id}: ${powerState}`),
  );
  return { vms: Object.fromEntries(vms), claims: all.sort() };
}

const TABLES = [
  ...['nodes', 'node_states', 'node_heartbeats', 'node_boots', 'departed_nodes', 'alerts'],
  ...['reported_vms', 'virtual_machines', 'vm_conflicts', 'tasks', 'audit_log'],
  ...['reported_pools', 'storage_pools', 'pool_host_statuses'],
];

/** The versions of all rows, by table. */
async function versions(): Promise<Map<string, string>> {
  const each = TABLES.map(
    (table) => sql`
      SELECT ${table}::text AS table_name, coalesce(string_agg(ctid::text || ' ' || xmin::text, ',' ORDER BY ctid), '') AS version
      FROM ${sql.table(table)}`,
  );
  const { rows } = await sql<{ tableName: string; version: string }>`
    ${sql.join(each, sql` UNION ALL `)}`.execute(db);
  return new Map(rows.map(({ tableName, version }) => [tableName, version]));
}

/** Returns the names of the tables in which some work wrote or removed a row. */
async function writtenBy(work: () => Promise<unknown>): Promise<string[]> {
  const before = await versions();
  await work();
  const after = await versions();
  return TABLES.filter((table) => after.get(table) !== before.get(table));
}

/** The positions of a node, as it sends them and as they are kept. */
class Positions {
  kept: KeptPosition | undefined;
  #last: KeptPosition = { epoch: 1, sequence: 1 };

  take(order: Sent['order']): KeptPosition {
    const { epoch, sequence } = this.#last;
    if (order === 'older') return { epoch, sequence: Math.max(1, sequence - 1) };
    if (order === 'next') this.#last = { epoch, sequence: sequence + 1 };
    if (order === 'next epoch') this.#last = { epoch: epoch + 1, sequence: 1 };
    return this.#last;
  }
}

test('after any messages of several nodes, the records equal the model’s result; outdated messages write nothing', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(sent, { minLength: 1, maxLength: 8 }), async (messages) => {
      const ids = await begin();
      let world = defined(ids.slice(1));
      const states = NODES.map(() => new Positions());
      const beats = NODES.map(() => new Positions());
      for (const one of messages) {
        const positions = (one.kind === 'heartbeat' ? beats : states)[one.node]!;
        const place = positions.take(one.order);
        const isNotice = !['full', 'heartbeat'].includes(one.kind);
        const isDue =
          isLater(place, positions.kept) && (!isNotice || positions.kept?.epoch === place.epoch);
        let applied: boolean | undefined;
        const work = async () => {
          applied = await send(ids, one, place);
        };
        if (isDue) {
          await work();
          positions.kept = place;
          world = expectedAfter(world, ids, one);
        } else {
          expect(await writtenBy(work)).toEqual([]);
        }
        expect(applied).toBe(isDue);
        expect(shape(await recorded())).toEqual(shape(world));
        if (!isDue || one.kind !== 'full') continue;
        // A repeated full state writes only its position.
        const again = positions.take('next');
        expect(await writtenBy(() => send(ids, one, again))).toEqual(['node_states']);
        positions.kept = again;
      }
      const { rows } = await sql<{ phase: string }>`
        SELECT phase FROM nodes WHERE id = ${NODES[2]}`.execute(db);
      expect(rows).toEqual([{ phase: 'MAINTENANCE' }]);
    }),
    { numRuns: 12 },
  );
});

test('messages of a node that was deleted or has left are refused and write nothing; a deleted node leaves no records', async () => {
  const how = fc.constantFrom('DELETED' as const, 'LEFT' as const);
  const messages = fc.array(sent, { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(messages, messages, how, async (before, after, departure) => {
      const ids = await begin();
      const positions = NODES.map(() => new Positions());
      for (const one of before) await send(ids, one, positions[one.node]!.take('next epoch'));
      const [nodeId] = NODES as [string];
      const end = { by: 'admin', reason: '', now: new Date() };
      await departNode(db, { nodeId, how: departure, ...end });
      const refused = { reason: RefusalReason.NODE_DELETED };
      const sendAll = async () => {
        for (const one of after) {
          const place = positions[0]!.take('next epoch');
          await expect(send(ids, { ...one, node: 0 }, place)).rejects.toMatchObject(refused);
        }
      };
      expect(await writtenBy(sendAll)).toEqual([]);
      if (departure !== 'DELETED') return;
      for (const table of ['node_states', 'node_heartbeats', 'reported_vms', 'reported_pools']) {
        const { rows } = await sql`
          SELECT FROM ${sql.table(table)} WHERE node_id = ${nodeId}`.execute(db);
        expect(rows).toEqual([]);
      }
    }),
    { numRuns: 8 },
  );
});

test('a full state is requested if the node acknowledges more than is recorded, as after a restore, or if hashes differ', async () => {
  const [nodeId] = NODES as [string];
  const hashes = (vms: { id: string }[]) => ({
    ...{ form: 1, pools: hashPools([], 1) },
    vms: hashVms(
      vms.map((one) => create(VirtualMachineSchema, one)),
      1,
    ),
  });
  const positions = fc.record({
    epoch: fc.integer({ min: 1, max: 3 }),
    sequence: fc.integer({ min: 1, max: 3 }),
  });
  await begin();
  const whole = {
    position: at({ epoch: 1, sequence: 1 }),
    part: 1,
    last: true,
    vms: {},
    pools: {},
  };
  await state.syncFullState(nodeId, stream(create(SyncFullStateRequestSchema, whole)));
  let sequence = 0;
  await fc.assert(
    fc.asyncProperty(positions, positions, fc.boolean(), async (kept, acknowledged, isSame) => {
      await sql`
        UPDATE node_states SET epoch = ${kept.epoch}, sequence = ${kept.sequence}
        WHERE node_id = ${nodeId}`.execute(db);
      sequence += 1;
      const answer = await state.heartbeat(
        nodeId,
        create(HeartbeatRequestSchema, {
          ...{ position: at({ epoch: 9, sequence }), hostname: 'host' },
          acknowledged: at(acknowledged),
          stateHash: hashes(isSame ? [] : [{ id: FOUND }]),
        }),
      );
      const isAhead = isLater(acknowledged, kept);
      const isEqual = !isAhead && !isLater(kept, acknowledged);
      expect(answer).toMatchObject({
        applied: true,
        requestFullSync: isAhead || (isEqual && !isSame),
      });
    }),
    { numRuns: 40 },
  );
});
