import { create } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import type { MonotonicClock } from '../../apps/control-plane/coordination/clock.ts';
import { NotLeaderError } from '../../apps/control-plane/coordination/election.ts';
import * as nodes from '../../apps/control-plane/database/repositories/nodes.ts';
import { startMonitor } from '../../apps/control-plane/monitor/monitor.ts';
import { ClaimLocks } from '../../apps/control-plane/reconciliation/claim-locks.ts';
import { openNodeState } from '../../apps/control-plane/reconciliation/node-state.ts';
import {
  HeartbeatRequestSchema,
  SyncFullStateRequestSchema,
} from '../../apps/proto/gen/quantix/v1/node_service_pb.js';
import { PowerState } from '../../apps/proto/gen/quantix/v1/vm_pb.js';
import { openTestDatabase, SILENT } from './database.ts';

const A = '11111111-1111-8111-8111-111111111111';
const B = '22222222-2222-8222-8222-222222222222';
const C = '44444444-4444-8444-8444-444444444444';
const VM = '33333333-3333-8333-8333-333333333333';

/** Simulated time: `pass` ends one sleep of the clock after the other, until enough time has passed. */
function simulated() {
  let now = 0;
  let wake = Promise.withResolvers<void>();
  let asleep = Promise.withResolvers<void>();
  const clock: MonotonicClock = {
    now: () => now,
    async sleep(milliseconds, signal) {
      signal.addEventListener('abort', () => wake.resolve(), { once: true });
      asleep.resolve();
      await wake.promise;
      wake = Promise.withResolvers();
      now += milliseconds;
    },
  };
  const pass = async (seconds: number) => {
    const end = now + seconds * 1000;
    while (now < end) {
      await asleep.promise;
      asleep = Promise.withResolvers();
      wake.resolve();
      await asleep.promise;
    }
  };
  return { clock, pass };
}

/** A monitor in simulated time, which works only while `leads` is true, and functions that report as nodes do. */
async function watched() {
  const opened = await openTestDatabase();
  const { database } = opened;
  const { db } = database;
  await sql`UPDATE leadership SET epoch = 7`.execute(db);
  const one = { leads: true };
  const leadership = {
    asLeader: async <T>(work: (epoch: number) => Promise<T>) => {
      if (!one.leads) throw new NotLeaderError();
      return await work(7);
    },
  };
  const recording = { untilOvertaken: <T>(work: (epoch: number) => Promise<T>) => work(7) };
  const ending = new AbortController();
  const { clock, pass } = simulated();
  const locks = new ClaimLocks();
  const { signal } = ending;
  const monitor = startMonitor({ database, leadership, locks, clock, log: SILENT, signal });
  const { onHeard } = monitor;
  const state = openNodeState({ database, leadership: recording, locks, onHeard, log: SILENT });
  /** A host joins, and runs a machine. */
  const join = async (id: string, vm = VM) => {
    await nodes.registerNode(db, { id, hostname: 'host', managementIp: null, spec: {} });
    const sync = create(SyncFullStateRequestSchema, {
      ...{ position: { epoch: 1n, number: 1n }, part: 1, last: true },
      hypervisor: { available: true },
      vms: { items: [{ id: vm, name: 'web', powerState: PowerState.RUNNING }] },
    });
    const parts = async function* () {
      yield sync;
    };
    await state.syncFullState(id, parts());
  };
  const beat = async (id: string, number: bigint) => {
    const position = { epoch: 1n, number };
    const hypervisor = { available: true };
    const request = { position, hostname: 'host', hypervisor };
    await state.heartbeat(id, create(HeartbeatRequestSchema, request));
  };
  return {
    ...{ db, one, pass, onHeard, join, beat },
    machines: () => db.selectFrom('virtualMachines').selectAll().execute(),
    alerts: () => db.selectFrom('alerts').selectAll().execute(),
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await monitor.ended;
      await opened[Symbol.asyncDispose]();
    },
  };
}

test('the leader, and no other, disconnects a silent host with one alert until the host reports again', async () => {
  await using world = await watched();
  const { db, one, pass, join, beat, machines, alerts } = world;
  await join(A);
  const phase = async () => (await nodes.findNode(db, A))?.phase;
  const before = await machines();
  expect([await phase(), before.length]).toEqual(['READY', 1]);

  one.leads = false;
  await pass(600);
  expect([await phase(), await alerts()]).toEqual(['READY', []]);

  one.leads = true;
  await pass(60);
  expect([await phase(), await alerts()]).toEqual(['READY', []]);
  await pass(300);
  expect(await phase()).toBe('DISCONNECTED');
  expect(await machines()).toEqual(before);
  expect(await alerts()).toMatchObject([{ sourceId: A, sourceName: 'host', resolvedAt: null }]);

  await beat(A, 1n);
  await pass(30);
  expect(await phase()).not.toBe('DISCONNECTED');
  expect(await alerts()).toMatchObject([{ sourceId: A, resolvedAt: expect.any(Date) }]);
});

test('if most hosts fall silent at once, one alert is raised, about the control plane, until they are heard again', async () => {
  await using world = await watched();
  const { db, pass, join, beat, machines, alerts } = world;
  for (const id of [A, B, C]) await join(id, id);
  const phases = async () => (await nodes.listNodes(db)).map(({ phase }) => phase);
  const before = await machines();
  await pass(60);
  expect([await phases(), await alerts()]).toEqual([Array(3).fill('READY'), []]);

  await pass(300);
  expect(await phases()).toEqual(Array(3).fill('DISCONNECTED'));
  expect(await machines()).toEqual(before);
  const about = { title: 'Most hosts went silent at once', sourceType: 'CONTROL_PLANE' };
  expect(await alerts()).toMatchObject([{ ...about, resolvedAt: null }]);

  for (const id of [A, B, C]) await beat(id, 1n);
  await pass(30);
  expect(await phases()).not.toContain('DISCONNECTED');
  expect(await alerts()).toMatchObject([{ ...about, resolvedAt: expect.any(Date) }]);
});

test('a conflict of two hosts over a machine ends when the one in maintenance falls silent: the machine is on the other', async () => {
  await using world = await watched();
  const { db, pass, onHeard, join, beat, machines, alerts } = world;
  await join(A);
  await beat(A, 1n);
  await join(B);
  await nodes.setNodePhase(db, A, 'MAINTENANCE');
  expect(await machines()).toMatchObject([{ nodeId: A }]);
  expect(await alerts()).toMatchObject([{ sourceId: VM, resolvedAt: null }]);
  await sql`UPDATE node_heartbeats SET received_at = now() - interval '150 seconds'`.execute(db);
  for (let seconds = 0; seconds < 180; seconds += 30) {
    await pass(30);
    onHeard(B);
  }
  expect(await nodes.findNode(db, A)).toMatchObject({ phase: 'MAINTENANCE' });
  expect(await machines()).toMatchObject([{ nodeId: B, powerState: 'RUNNING' }]);
  expect(await alerts()).toMatchObject([{ sourceId: VM, resolvedAt: expect.any(Date) }]);
});

test('a host in maintenance that falls silent a second time ends a conflict again', async () => {
  await using world = await watched();
  const { db, pass, onHeard, join, beat, machines, alerts } = world;
  await join(A);
  await beat(A, 1n);
  await join(B);
  await nodes.setNodePhase(db, A, 'MAINTENANCE');
  const fallSilent = async () => {
    await sql`UPDATE node_heartbeats SET received_at = now() - interval '150 seconds'`.execute(db);
    for (let seconds = 0; seconds < 180; seconds += 30) {
      await pass(30);
      onHeard(B);
    }
  };
  await fallSilent();
  expect(await machines()).toMatchObject([{ nodeId: B }]);

  await beat(A, 2n);
  await pass(30);
  const isOpen = async () => (await alerts()).some(({ resolvedAt }) => resolvedAt === null);
  expect(await isOpen()).toBe(true);
  await fallSilent();
  expect(await isOpen()).toBe(false);
});
