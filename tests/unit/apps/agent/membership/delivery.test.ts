import { isMessage } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import {
  type HeartbeatRequest,
  HeartbeatRequestSchema,
  SyncFullStateRequestSchema,
} from '../../../../../apps/proto/gen/quantix/v1/node_service_pb.js';
import type { ControlPlane } from '../../../../control-plane/control-plane.ts';
import { Ledger } from '../../../../control-plane/ledger.ts';
import { type Agent, DATA, members, unjoined, WEB } from './agent.ts';

const MAIL = { ...WEB, id: '7b0a5a3c-1111-4222-8333-944444444444', name: 'mail' };

/** Returns the names and states of the virtual machines in the control plane's records. */
function recorded(plane: ControlPlane): string[] {
  return [...plane.node().ledger.vms.values()].map((vm) => `${vm.name} ${vm.powerState}`).sort();
}

function notifications(plane: ControlPlane): number {
  return plane.calls.filter(({ method }) => method === 'notifyVMChange').length;
}

function syncs(plane: ControlPlane): number {
  return plane.calls.filter(({ method }) => method === 'syncFullState').length;
}

/** Waits until the agent has sent everything. */
async function quiet(agent: Agent): Promise<void> {
  await agent.clock.sleeping();
}

test('a virtual machine that comes, changes or goes is reported at once', async () => {
  const { plane, agent } = await members();
  agent.vms = [WEB, MAIL];
  agent.membership.changed();
  await plane.answered('notifyVMChange', 1);
  expect(recorded(plane)).toEqual(['mail 1', 'web 1']);
  agent.vms = [WEB, { ...MAIL, state: 'shutoff' }];
  agent.membership.changed();
  await plane.answered('notifyVMChange', 2);
  expect(recorded(plane)).toEqual(['mail 5', 'web 1']);
  expect(plane.node().ledger.vms.get(MAIL.id)?.powerStateChanges).toBe(1n);
  agent.vms = [{ ...MAIL, state: 'shutoff' }];
  agent.membership.changed();
  await plane.answered('notifyVMChange', 3);
  expect(recorded(plane)).toEqual(['mail 5']);
});

test('a pool that is unmounted is reported at once; one that only fills up is not', async () => {
  const { plane, agent } = await members();
  agent.pools = [{ ...DATA, used: DATA.used + 1, available: DATA.available - 1 }];
  agent.membership.changed();
  agent.pools = [{ ...DATA, health: 'unmounted', path: null, problem: 'not mounted' }];
  agent.membership.changed();
  await plane.answered('notifyStorageChange', 1);
  expect(plane.node().ledger.pools.get(DATA.id)).toMatchObject({
    health: 4,
    problem: 'not mounted',
  });
  await quiet(agent);
  expect(plane.calls.filter(({ method }) => method === 'notifyStorageChange')).toHaveLength(1);
});

/**
 * Returns a node whose message about a change was lost once, and then sent again.
 * @param part what was lost: the message (`before`), or only its answer (`after`)
 */
async function loseOnce(part: 'before' | 'after'): Promise<{ plane: ControlPlane; agent: Agent }> {
  const { plane, agent } = await members();
  plane.fault[part] = () => {
    plane.fault = {};
    throw new ConnectError('lost', Code.Unavailable);
  };
  agent.vms = [];
  agent.membership.changed();
  await plane.answered('notifyVMChange', 1);
  await agent.said(/unreachable/);
  await agent.clock.skip();
  await plane.answered('notifyVMChange', 2);
  return { plane, agent };
}

test('a change whose request is lost is sent again', async () => {
  const { plane } = await loseOnce('before');
  expect(recorded(plane)).toEqual([]);
});

test('a change whose answer is lost is sent again under its number, and applied once', async () => {
  const { plane, agent } = await loseOnce('after');
  const [first, second] = plane.calls.filter(({ method }) => method === 'notifyVMChange');
  expect(second?.request).toEqual(first?.request);
  expect(recorded(plane)).toEqual([]);
  await quiet(agent);
  expect(syncs(plane)).toBe(1);
});

test('a late copy of an old change does not undo a newer one', async () => {
  const { plane, agent } = await members();
  const late = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  plane.fault.before = () => {
    plane.fault = {};
    arrived.resolve();
    return late.promise;
  };
  agent.vms = [{ ...WEB, state: 'paused' }];
  agent.membership.changed();
  await arrived.promise;
  // The agent cancels the call because of the new address, but the control plane is still processing its request.
  agent.address = '192.0.2.99';
  agent.membership.addressChanged();
  await plane.answered('notifyVMChange', 1);
  agent.vms = [{ ...WEB, state: 'shutoff' }];
  agent.membership.changed();
  await plane.answered('notifyVMChange', 2);
  late.resolve();
  await plane.answered('notifyVMChange', 3);
  expect(recorded(plane)).toEqual(['web 5']);
});

test('a difference between the records and the host is found by the hash, and corrected by a full state', async () => {
  const { plane, agent } = await members();
  plane.node().ledger.vms.clear();
  await agent.clock.skip();
  await plane.answered('syncFullState', 2);
  expect(recorded(plane)).toEqual(['web 1']);
  await agent.said(/record of this host differs/);
});

test('a difference of hashes that only the node finds is also corrected by a full state', async () => {
  const { plane, agent } = await members();
  plane.leavesComparing = true;
  plane.node().ledger.vms.clear();
  await agent.clock.skip();
  await plane.answered('syncFullState', 2);
  expect(recorded(plane)).toEqual(['web 1']);
});

test('a state that is too large for one message is sent in parts, and applied as a whole', async () => {
  const { plane, agent } = await members();
  agent.vms = Array.from({ length: 400 }, (_, index) => ({
    ...WEB,
    id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    name: `${index} ${'n'.repeat(4000)}`,
  }));
  plane.node().ledger = new Ledger();
  await agent.clock.skip();
  const { request } = await plane.answered('syncFullState', 2);
  if (!isMessage(request, SyncFullStateRequestSchema)) throw new Error(request.$typeName);
  expect(request.last).toBe(true);
  expect(plane.parts).toBeGreaterThan(2);
  expect(plane.node().ledger.vms.size).toBe(400);
});

test('a change without an event of libvirt is found after the next heartbeat', async () => {
  const { plane, agent } = await members();
  agent.vms = [{ ...WEB, state: 'crashed' }];
  await agent.clock.skip();
  await plane.answered('notifyVMChange', 1);
  expect(recorded(plane)).toEqual(['web 6']);
});

test('after an hour without the control plane each object is reported once, with its present state', async () => {
  const { plane, agent } = await members();
  await plane.api.close();
  for (let passed = 0; passed < 3_600_000; ) {
    agent.vms = [{ ...WEB, state: passed % 2 === 0 ? 'paused' : 'running', memory: passed + 1 }];
    agent.membership.changed();
    passed += await agent.clock.skip();
  }
  agent.vms = [{ ...WEB, state: 'shutoff' }, MAIL];
  agent.membership.changed();
  await plane.api.open();
  await agent.clock.skip();
  await plane.answered('notifyVMChange', 2);
  await quiet(agent);
  expect(recorded(plane)).toEqual(['mail 1', 'web 5']);
  expect(notifications(plane)).toBe(2);
  expect(syncs(plane)).toBe(1);
});

test('a control plane that forgot the epoch gets a full state', async () => {
  const { plane, agent } = await members();
  plane.node().ledger = new Ledger();
  agent.vms = [WEB, MAIL];
  agent.membership.changed();
  await plane.answered('syncFullState', 2);
  expect(recorded(plane)).toEqual(['mail 1', 'web 1']);
});

test('while libvirt does not run, its virtual machines are not reported as gone', async () => {
  const { plane, agent } = await members();
  agent.libvirt = { available: false, problem: 'no socket' };
  agent.vms = [];
  agent.membership.changed();
  await agent.clock.skip();
  await plane.answered('heartbeat', 2);
  await quiet(agent);
  expect(recorded(plane)).toEqual(['web 1']);
  expect([notifications(plane), syncs(plane)]).toEqual([0, 1]);
  agent.libvirt = { available: true, version: '9.0.0' };
  agent.membership.changed();
  await plane.answered('notifyVMChange', 1);
  expect(recorded(plane)).toEqual([]);
});

const VOLUME = {
  path: '',
  format: 'qcow2' as const,
  allocated: 4096,
  capacity: 1_073_741_824,
};

test('volumes of pools are sent sorted, in parts of at most 1 MiB; pools that were never listed are left out', async () => {
  const { plane, agent } = await members();
  const names = Array.from({ length: 20_000 }, (_, index) => `${index} ${'n'.repeat(40)}`);
  const listed = { ...DATA, volumes: names.map((name) => ({ ...VOLUME, name })) };
  const empty = { ...DATA, id: 'empty', name: 'empty' };
  const unknown = { ...DATA, id: 'unknown', name: 'unknown', volumesSeen: 'never' as const };
  agent.pools = [listed, empty, unknown];
  plane.node().ledger = new Ledger();
  await agent.clock.skip();
  await plane.answered('syncFullState', 2);
  const { ledger } = plane.node();
  expect(plane.parts).toBeGreaterThan(1);
  expect(plane.largestPart).toBeLessThan(1024 * 1024);
  expect([...ledger.volumes.keys()].sort()).toEqual([DATA.id, 'empty'].sort());
  expect(ledger.volumes.get('empty')).toEqual([]);
  expect(ledger.volumes.get(DATA.id)?.map(({ name }) => name)).toEqual(names.toSorted());
  await agent.clock.skip();
  const request = await heartbeat(plane, 3);
  const hashes = new Map(request.pools.map((pool) => [pool.poolId, pool.volumesSha256]));
  expect(hashes.get('unknown')).toBe('');
  expect(hashes.get('empty')).toMatch(/^e3b0c442/);
  expect(hashes.get(DATA.id)).toMatch(/^[0-9a-f]{64}$/);
});

test('a host reports capacity for a scheduler, usage of its guests, its services and the state of assigned pools', async () => {
  const { plane, agent } = await unjoined();
  agent.more = {
    build: async () => ({
      cpuFeatures: ['avx2', 'vmx'],
      numaNodes: [{ number: 0, cpus: '0-7', memory: 1024 }],
      pciDevices: [
        {
          address: '0000:3b:00.0',
          id: '8086:1572',
          deviceClass: '0200',
          driver: null,
          iommuGroup: 27,
          virtualFunctionsPossible: 64,
          virtualFunctions: 0,
          physicalFunction: null,
        },
      ],
      links: [
        {
          name: 'br0',
          type: 'bridge',
          mac: '52:54:00:12:34:56',
          addresses: ['192.0.2.10/24'],
          ports: ['eth0'],
          vlanId: 0,
          mtu: 1500,
          up: true,
        },
      ],
    }),
    networks: async () => ['default'],
    statistics: async ([vm]) => [
      {
        id: vm?.id ?? '',
        cpuTime: 5,
        memory: 6,
        diskRead: 7,
        diskWritten: 8,
        received: 9,
        sent: 10,
        addresses: ['192.0.2.77'],
      },
    ],
    services: async () => [
      { name: 'libvirtd', problem: null },
      { name: 'chronyd', problem: 'it is crashed' },
    ],
    assignedPools: async () => [
      { id: 'a1', name: 'data', problem: null },
      { id: 'a2', name: 'nas', problem: 'no route to host' },
    ],
  };
  await agent.stop();
  await agent.start();
  await agent.membership.join({ controlPlane: plane.api.origin, token: plane.token() });
  await agent.clock.skip();
  const { request: full } = await plane.answered('syncFullState', 1);
  expect(full).toMatchObject({
    host: {
      cpu: { features: ['avx2', 'vmx'] },
      numaNodes: [{ number: 0, cpus: '0-7', memoryBytes: 1024n }],
      pciDevices: [{ address: '0000:3b:00.0', driver: '', iommuGroup: 27 }],
      interfaces: [{ name: 'br0', type: 2, ports: ['eth0'], addresses: ['192.0.2.10/24'] }],
      virtualNetworks: ['default'],
    },
    pools: { items: [{ name: 'data', assignedId: 'a1' }] },
  });
  await plane.answered('heartbeat', 1);
  await agent.clock.sleeping();
  await agent.clock.skip();
  expect(await heartbeat(plane, 2)).toMatchObject({
    vms: [{ vmId: WEB.id, cpuTimeNs: 5n, networkSentBytes: 10n, addresses: ['192.0.2.77'] }],
    health: {
      services: [
        { name: 'libvirtd', ready: true },
        { name: 'chronyd', ready: false, problem: 'it is crashed' },
      ],
    },
    assignedPools: [
      { id: 'a1', poolId: DATA.id, problem: '' },
      { id: 'a2', poolId: '', problem: 'no route to host' },
    ],
  });
});

async function heartbeat(plane: ControlPlane, count: number): Promise<HeartbeatRequest> {
  const { request } = await plane.answered('heartbeat', count);
  if (!isMessage(request, HeartbeatRequestSchema)) throw new Error(request.$typeName);
  return request;
}
