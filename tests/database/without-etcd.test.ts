import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  actOnVm,
  createToken,
  listNodes,
  listTasks,
  listVms,
} from '../../apps/control-plane/operator/client.ts';
import { must } from '../../build/error.ts';
import { type EtcdServer, startEtcd } from '../../tasks/control-plane/etcd.ts';
import { findFreePort } from '../../tasks/control-plane/free-port.ts';
import { askProgram, startProgram } from '../../tasks/control-plane/program.ts';
import { startRedis } from '../../tasks/control-plane/redis.ts';
import { makeServicesFolder } from '../../tasks/control-plane/service.ts';
import { Fleet } from '../fleet/fleet.ts';
import { openTestDatabase } from './database.ts';

/** Seconds: as short as etcd allows. */
const LEADERSHIP = { lease: 3, renewEvery: 1, stepDownAfter: 2 };

/** Longer than the longest pause between two attempts of an agent, on a busy machine. */
const PATIENCE = { timeout: 120_000, interval: 200 };

let folder: string;
let etcd: EtcdServer;
beforeAll(async () => {
  folder = await makeServicesFolder('quantix-without-etcd-');
  etcd = await startEtcd(join(folder, 'etcd'));
});
afterAll(async () => {
  await etcd.stop();
  await rm(folder, { recursive: true });
});

async function untilRole(socket: string, role: 'leader' | 'unknown'): Promise<void> {
  await expect
    .poll(async () => JSON.parse((await askProgram(socket, '/readyz'))!.body), PATIENCE)
    .toMatchObject({ ready: true, leadership: { role } });
}

/** Waits until the only virtual machine of the only host is recorded with a power state, and the host is READY. */
async function untilRecorded(socket: string, powerState: string): Promise<void> {
  const recorded = async () => ({
    nodes: await listNodes({ socket }),
    ...(await listVms(undefined, { socket })),
  });
  const wanted = { nodes: [{ phase: 'READY' }], vms: [{ powerState }] };
  await expect.poll(recorded, PATIENCE).toMatchObject(wanted);
}

test('without etcd and Redis, the last leader lets a host join, records what it reports and sends it tasks; started again without etcd, it records nothing until etcd answers', async () => {
  await using opened = await openTestDatabase();
  const { socketFolder, database } = opened.address;
  const redis = await startRedis(join(folder, 'redis'));
  const services = { socketFolder, database, etcd: etcd.address, redis: redis.socket };
  const port = await findFreePort();
  const config = { leadership: LEADERSHIP, agents: { listen: '127.0.0.1', port } };
  const start = () => startProgram(join(folder, 'program'), services, { config });
  await using stack = new AsyncDisposableStack();
  const first = await start();
  stack.defer(() => first.stop());
  const { socket } = first;
  await untilRole(socket, 'leader');
  await Promise.all([etcd.stop(), redis.stop()]);
  await untilRole(socket, 'unknown');

  await using fleet = await Fleet.start({ agents: 1, vms: 1, random: () => 0 });
  const agent = must(fleet.agents[0], 'agent');
  const vm = must([...agent.host.vms.values()][0], 'virtual machine');
  const request = { description: 'a host', uses: 1, expiresInSeconds: 3600 };
  const { joinToken } = await createToken(request, { socket });
  await agent.join(`https://127.0.0.1:${port}`, joinToken);
  await untilRecorded(socket, 'RUNNING');
  agent.host.put({ ...vm, state: 'shutoff' });
  await untilRecorded(socket, 'SHUT_OFF');
  await actOnVm(vm.id, { action: 'start', expiresInSeconds: 600 }, { socket });
  await untilRecorded(socket, 'RUNNING');
  await expect
    .poll(() => listTasks(undefined, { socket }), PATIENCE)
    .toMatchObject([{ verb: 'startVm', state: 'DONE' }]);

  await first.stop();
  const second = await start();
  stack.defer(() => second.stop());
  await untilRole(socket, 'unknown');
  agent.host.put({ ...vm, state: 'shutoff' });
  await expect.poll(() => agent.problem, PATIENCE).toMatch(/this program does not lead/);
  await untilRecorded(socket, 'RUNNING');
  etcd = await startEtcd(join(folder, 'etcd'), { address: etcd.address });
  await untilRecorded(socket, 'SHUT_OFF');
}, 300_000);
