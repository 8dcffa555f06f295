import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MonotonicClock } from '../../apps/control-plane/coordination/clock.ts';
import { monotonicClock } from '../../apps/control-plane/coordination/clock.ts';
import { type Election, startElection } from '../../apps/control-plane/coordination/election.ts';
import { EtcdError } from '../../apps/control-plane/coordination/error.ts';
import { openEtcd } from '../../apps/control-plane/coordination/etcd.ts';
import { createFence } from '../../apps/control-plane/coordination/fence.ts';
import { createLeaderKey } from '../../apps/control-plane/coordination/leader-key.ts';
import {
  FencedError,
  writeAsLeader,
} from '../../apps/control-plane/database/repositories/leadership.ts';
import { listNodes, registerNode } from '../../apps/control-plane/database/repositories/nodes.ts';
import { type EtcdServer, startEtcd } from '../../tasks/control-plane/etcd.ts';
import {
  askProgram,
  type ControlPlaneProgram,
  startProgram,
} from '../../tasks/control-plane/program.ts';
import { makeServicesFolder } from '../../tasks/control-plane/service.ts';
import { type OpenTestDatabase, openTestDatabase, SILENT } from './database.ts';

/** Seconds: as short as etcd allows. */
const LEADERSHIP = { lease: 3, renewEvery: 1, stepDownAfter: 2 };
const TIMES = { lease: 3_000, renewEvery: 1_000, stepDownAfter: 2_000 };

/** Long enough for the end of a lease and its consequences on a busy machine. */
const PATIENCE = { timeout: 30_000, interval: 100 };

let folder: string;
let etcd: EtcdServer;
beforeAll(async () => {
  folder = await makeServicesFolder('quantix-leader-');
  etcd = await startEtcd(join(folder, 'etcd'));
});
afterAll(async () => {
  await etcd.stop();
  await rm(folder, { recursive: true });
});

const node = (hostname: string) => ({
  id: '11111111-1111-8111-8111-111111111111',
  hostname,
  managementIp: null,
  spec: {},
});

test('leases and transactions of a real etcd behave as the client expects', async () => {
  const client = openEtcd(etcd.address);
  const lease = await client.grantLease(2);
  const put = { kind: 'put', key: 'test', value: 'ü', lease } as const;
  const made = await client.transact({
    where: [{ key: 'test', createRevision: 0 }],
    success: [put],
  });
  expect(made.held).toBe(true);
  const read = { success: [{ kind: 'read', key: 'test' }] } as const;
  expect((await client.transact(read)).read).toEqual([
    { key: 'test', value: 'ü', createRevision: made.revision },
  ]);
  const again = await client.transact({
    where: [{ key: 'test', createRevision: 0 }],
    success: [put],
    failure: [{ kind: 'remove', key: 'other' }],
  });
  expect(again.held).toBe(false);
  expect(await client.renewLease(lease)).toBe(true);
  const changes = client.watch('test', made.revision + 1, AbortSignal.timeout(30_000));
  await client.revokeLease(lease);
  expect((await changes.next()).value).toMatchObject({ kind: 'removed', key: 'test' });
  await changes.return();
  expect(await client.renewLease(lease)).toBe(false);
  await client.revokeLease(lease);
  await expect(client.transact({ success: [put] })).rejects.toThrow('lease not found');
  client.close();
});

test('watching changes that etcd has compacted away fails as “forgotten”, and current values can be read', async () => {
  const client = openEtcd(etcd.address);
  const put = { kind: 'put', key: 'compacted', value: '' } as const;
  await client.transact({ success: [put] });
  const { revision } = await client.transact({ success: [put] });
  // etcd's JSON API.
  const asked = { method: 'POST', body: JSON.stringify({ revision: String(revision) }) };
  expect((await fetch(`${etcd.address}/v3/kv/compaction`, asked)).status).toBe(200);
  const changes = client.watch('compacted', 1, AbortSignal.timeout(30_000));
  await expect(changes.next()).rejects.toMatchObject({ failure: 'forgotten' });
  const { read } = await client.transact({ success: [{ kind: 'read', key: 'compacted' }] });
  expect(read).toMatchObject([{ key: 'compacted' }]);
  client.close();
});

test('an etcd that is paused is reported within the time limit, and used again when it resumes', async () => {
  const client = openEtcd(etcd.address);
  await client.grantLease(2);
  etcd.kill('SIGSTOP');
  try {
    let error: unknown;
    // A signal takes effect after a moment: answers before etcd stops do not count.
    do {
      error = await client.grantLease(2).catch((one: unknown) => one);
    } while (!(error instanceof Error));
    expect(error).toBeInstanceOf(EtcdError);
    expect(error).toMatchObject({ failure: 'unreachable' });
  } finally {
    etcd.kill('SIGCONT');
  }
  await expect
    .poll(
      () =>
        client.grantLease(2).then(
          () => true,
          () => false,
        ),
      PATIENCE,
    )
    .toBe(true);
  client.close();
});

test('a leader that was paused steps down when its write finds a newer leader', async () => {
  await using opened = await openTestDatabase();
  const { database } = opened;
  const client = openEtcd(etcd.address);
  const ending = new AbortController();
  const candidate = (name: string, clock: MonotonicClock): Election =>
    startElection({
      name,
      key: createLeaderKey(client),
      fence: createFence(database),
      clock,
      times: TIMES,
      log: SILENT,
      signal: ending.signal,
    });
  // The first candidate's clock stands still, like that of a paused program.
  const paused: MonotonicClock = {
    now: () => 0,
    sleep: (_milliseconds, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => resolve(), { once: true });
      }),
  };
  const first = candidate('first', paused);
  await expect.poll(() => first.standing().role, PATIENCE).toBe('leader');
  const write = (election: Election, hostname: string) =>
    election.asLeader((epoch) =>
      writeAsLeader(database, epoch, (transaction) => registerNode(transaction, node(hostname))),
    );
  await write(first, 'by first');
  const second = candidate('second', monotonicClock);
  await expect.poll(() => second.standing().role, PATIENCE).toBe('leader');
  await write(second, 'by second');
  await expect(write(first, 'late')).rejects.toThrow(FencedError);
  expect(await listNodes(database.db)).toMatchObject([{ hostname: 'by second' }]);
  await expect.poll(() => first.standing().role, PATIENCE).not.toBe('leader');
  ending.abort();
  await Promise.all([first.ended, second.ended]);
  client.close();
});

/** Returns what a program reports about the leadership. */
async function standingOf({ socket }: ControlPlaneProgram) {
  const { body } = (await askProgram(socket, '/readyz'))!;
  return JSON.parse(body) as { ready: boolean; leadership: { role: string; epoch?: number } };
}

/** Waits for a leader among some programs. */
async function leaderOf(programs: readonly ControlPlaneProgram[]) {
  for (;;) {
    for (const program of programs) {
      const { leadership } = await standingOf(program);
      if (leadership.role === 'leader') return { program, epoch: leadership.epoch! };
    }
    await wait(100);
  }
}

async function startPrograms({ address }: OpenTestDatabase): Promise<ControlPlaneProgram[]> {
  const { socketFolder, database } = address;
  const services = { socketFolder, database, etcd: etcd.address, redis: join(folder, 'no-redis') };
  return await Promise.all(
    ['one', 'two'].map((name) =>
      startProgram(join(folder, name), services, { config: { leadership: LEADERSHIP } }),
    ),
  );
}

test('one of two programs leads; the other takes over when it is paused, none leads without etcd, and one leads with an empty etcd', async () => {
  await using opened = await openTestDatabase();
  const programs = await startPrograms(opened);
  await using stack = new AsyncDisposableStack();
  for (const program of programs) stack.defer(() => program.stop());
  const first = await leaderOf(programs);
  const second = programs.find((program) => program !== first.program)!;
  await expect
    .poll(() => standingOf(second), PATIENCE)
    .toMatchObject({ ready: true, leadership: { role: 'follower' } });

  first.program.kill('SIGSTOP');
  const { epoch } = await leaderOf([second]);
  expect(epoch).toBeGreaterThan(first.epoch);
  const late = writeAsLeader(opened.database, first.epoch, async () => undefined);
  await expect(late).rejects.toThrow(FencedError);
  first.program.kill('SIGCONT');
  expect((await standingOf(first.program)).leadership.role).not.toBe('leader');
  await expect
    .poll(() => standingOf(first.program), PATIENCE)
    .toMatchObject({ ready: true, leadership: { role: 'follower' } });
  expect(await standingOf(second)).toMatchObject({ leadership: { role: 'leader', epoch } });
  const metrics = (await askProgram(second.socket, '/metrics'))!.body;
  expect(metrics).toContain('quantix_controlplane_leadership{role="leader"} 1\n');
  expect(metrics).toContain(`quantix_controlplane_leader_epoch ${epoch}\n`);
  expect(metrics).toMatch(/^quantix_controlplane_leadership_age_seconds\{since="change"\} \d/m);

  await etcd.stop();
  for (const program of programs) {
    await expect
      .poll(() => standingOf(program), PATIENCE)
      .toMatchObject({ ready: true, leadership: { role: 'unknown' } });
  }
  // Redis does not run, either.
  expect(await askProgram(first.program.socket, '/inventory')).toMatchObject({ status: 200 });
  await rm(join(folder, 'etcd'), { recursive: true });
  etcd = await startEtcd(join(folder, 'etcd'), { address: etcd.address });
  const third = await leaderOf(programs);
  expect(third.epoch).toBeGreaterThan(epoch);

  await third.program.stop();
  const [other] = programs.filter((program) => program !== third.program);
  expect((await leaderOf([other!])).epoch).toBeGreaterThan(third.epoch);
});
