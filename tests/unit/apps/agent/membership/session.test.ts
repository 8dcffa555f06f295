import { setImmediate as turn } from 'node:timers/promises';
import { isMessage } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { openConnection } from '../../../../../apps/agent/membership/connection/connection.ts';
import {
  type HeartbeatRequest,
  HeartbeatRequestSchema,
  SyncFullStateRequestSchema,
} from '../../../../../apps/proto/gen/quantix/v1/node_service_pb.js';
import { RefusalReason } from '../../../../../apps/proto/gen/quantix/v1/refusal_pb.js';
import type { Call, ControlPlane } from '../../../../control-plane/control-plane.ts';
import { refusal } from '../../../../control-plane/server.ts';
import { type Agent, members, unjoined, WEB } from './agent.ts';

function heartbeat({ request }: Call): HeartbeatRequest {
  if (!isMessage(request, HeartbeatRequestSchema)) throw new Error(request.$typeName);
  return request;
}

/** How often a method was called. */
function count(plane: ControlPlane, method: Call['method']): number {
  return plane.calls.filter((call) => call.method === method).length;
}

/** Lets the agent's pause pass, and waits for the heartbeat after it. */
async function nextHeartbeat(plane: ControlPlane, agent: Agent): Promise<HeartbeatRequest> {
  const before = count(plane, 'heartbeat');
  await agent.clock.skip();
  return heartbeat(await plane.answered('heartbeat', before + 1));
}

test('after joining a host waits a while, sends its full state, then a heartbeat', async () => {
  const { plane, agent } = await unjoined();
  await agent.membership.join({ controlPlane: plane.api.origin, token: plane.token() });
  expect(await agent.clock.skip()).toBe(2500);
  await plane.answered('heartbeat', 1);
  expect(plane.calls.map(({ method }) => method)).toEqual([
    'register',
    'syncFullState',
    'heartbeat',
  ]);
  await agent.said(/connected/);
  expect(agent.membership.status).toEqual({
    state: 'connected',
    address: plane.api.origin,
    problem: null,
  });
});

test('heartbeats are sent at the interval that the control plane requests', async () => {
  const { plane, agent } = await members();
  plane.interval = 7;
  await nextHeartbeat(plane, agent);
  expect(await agent.clock.sleeping()).toBe(7000);
  plane.interval = 100_000;
  await nextHeartbeat(plane, agent);
  expect(await agent.clock.sleeping()).toBe(3_600_000);
});

test('a changed management address is reported at once, and each heartbeat detects it anew', async () => {
  const { plane, agent } = await members();
  expect(heartbeat(await plane.answered('heartbeat', 1)).managementAddress).toBe('192.0.2.10');
  agent.address = '192.0.2.99';
  agent.membership.addressChanged();
  const told = heartbeat(await plane.answered('heartbeat', 2));
  expect(told.managementAddress).toBe('192.0.2.99');
  expect(plane.node().ledger.managementAddress).toBe('192.0.2.99');
  agent.address = '192.0.2.10';
  agent.membership.addressChanged();
  expect(heartbeat(await plane.answered('heartbeat', 3)).managementAddress).toBe('192.0.2.10');
  agent.address = null;
  expect((await nextHeartbeat(plane, agent)).managementAddress).toBe('');
});

test('a change of address is reported even while a call over the old address hangs', async () => {
  const { plane, agent } = await members();
  const hanging = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  plane.fault.before = () => {
    plane.fault = {};
    arrived.resolve();
    return hanging.promise;
  };
  await agent.clock.skip();
  await arrived.promise;
  agent.address = '192.0.2.99';
  agent.membership.addressChanged();
  const told = heartbeat(await plane.answered('heartbeat', 2));
  expect(told.managementAddress).toBe('192.0.2.99');
  expect(agent.lines.filter((line) => line.includes('unreachable'))).toEqual([]);
  hanging.resolve();
  await plane.answered('heartbeat', 3);
  expect(plane.node().ledger.managementAddress).toBe('192.0.2.99');
});

test('network events without a change of address send nothing', async () => {
  const { plane, agent } = await members();
  agent.membership.addressChanged();
  await turn();
  await nextHeartbeat(plane, agent);
  await agent.clock.sleeping();
  expect(count(plane, 'heartbeat')).toBe(2);
});

test('a deleted node stops reporting, and does not register again', async () => {
  const { plane, agent } = await members();
  plane.node().deleted = true;
  await nextHeartbeat(plane, agent);
  await agent.said(/refused/);
  expect(agent.membership.status.problem).toMatch(/this node was deleted/);
  await agent.stop();
  await agent.start();
  await agent.clock.skip();
  await agent.said(/refused/, agent.lines.length);
  expect(count(plane, 'register')).toBe(1);
  expect(agent.membership.status.state).toBe('refused');
});

test('a refused node tries again each hour, and continues once it is readmitted', async () => {
  const { plane, agent } = await members();
  const node = plane.node();
  node.deleted = true;
  await nextHeartbeat(plane, agent);
  await agent.said(/refused/);
  const calls = plane.calls.length;
  expect(await agent.clock.skip()).toBeGreaterThanOrEqual(1_800_000);
  await agent.clock.skip();
  await expect.poll(() => plane.calls.length).toBeGreaterThan(calls);
  expect(agent.membership.status.state).toBe('refused');
  node.deleted = false;
  const line = agent.lines.length;
  await agent.clock.skip();
  await agent.clock.skip();
  await agent.said(/connected/, line);
  expect(count(plane, 'register')).toBe(1);
});

test('the control plane sets after how long a refused node tries again', async () => {
  const { plane, agent } = await members();
  plane.fault.before = () => {
    throw refusal(Code.PermissionDenied, RefusalReason.DUPLICATE_KEY, 300);
  };
  await nextHeartbeat(plane, agent);
  await agent.said(/refused: another host uses the key/);
  expect(await agent.clock.sleeping()).toBeGreaterThanOrEqual(300_000);
  expect(await agent.clock.sleeping()).toBeLessThan(600_000);
});

test.each([RefusalReason.TOO_MANY_CALLS, 99])('refusal %s is temporary', async (reason) => {
  const { plane, agent } = await members();
  plane.fault.before = () => {
    plane.fault = {};
    throw refusal(Code.ResourceExhausted, reason, 20);
  };
  await nextHeartbeat(plane, agent);
  await agent.said(/unreachable/);
  expect(await agent.clock.sleeping()).toBe(20_000);
  await nextHeartbeat(plane, agent);
  await agent.said(/connected/, agent.lines.length - 1);
});

test('a node keeps reporting after its clock is set back', async () => {
  const { plane, agent } = await members();
  agent.clock.set(-3_600_000 + 60_000);
  for (let beats = 2; beats < 5; beats += 1) {
    await agent.clock.skip();
    await plane.answered('heartbeat', beats);
    await agent.clock.sleeping();
  }
});

test('a deleted node rejoins with a new token', async () => {
  const { plane, agent } = await members();
  plane.node().deleted = true;
  await nextHeartbeat(plane, agent);
  await agent.said(/refused/);
  await agent.membership.join({ controlPlane: plane.api.origin, token: plane.token() });
  await agent.clock.skip();
  await plane.answered('syncFullState', 2);
  await agent.said(
    /connected/,
    agent.lines.findIndex((line) => line.includes('refused')),
  );
});

test('calls without the node’s certificate are refused', async () => {
  const { plane } = await members();
  const { origin } = plane.api;
  const connection = openConnection({ origin, caCertificates: plane.authority.pem });
  await expect(connection.client.heartbeat({})).rejects.toThrow(/NODE_UNKNOWN/);
  connection.drop();
});

test('a restarted agent is the same node, in a new epoch, and sends a full state', async () => {
  const { plane, agent } = await members();
  await agent.stop();
  await agent.start();
  await agent.clock.skip();
  const { request } = await plane.answered('syncFullState', 2);
  if (!isMessage(request, SyncFullStateRequestSchema)) throw new Error(request.$typeName);
  expect(request.position?.number).toBe(1n);
  expect(plane.nodes.size).toBe(1);
  expect(count(plane, 'register')).toBe(1);
});

test('an unreachable control plane is reported, and tried again at growing intervals', async () => {
  const { plane, agent } = await members();
  await plane.api.close();
  await agent.clock.skip();
  const pauses: number[] = [];
  for (let tries = 0; tries < 8; tries += 1) {
    await agent.clock.sleeping();
    // Changes wait for the end of the pause; they do not shorten it.
    agent.vms = [{ ...WEB, cpus: 3 + tries }];
    agent.membership.changed();
    await turn();
    pauses.push(await agent.clock.skip());
  }
  expect(pauses).toEqual([750, 1500, 3000, 6000, 12_000, 24_000, 45_000, 45_000]);
  expect(agent.membership.status).toMatchObject({
    state: 'unreachable',
    problem: expect.stringMatching(/cannot be reached: nothing listens there/),
  });
});

test('a 403 of a proxy does not count as a refusal', async () => {
  const { plane, agent } = await members();
  plane.fault.before = () => {
    plane.fault = {};
    throw new ConnectError('forbidden', Code.PermissionDenied);
  };
  await nextHeartbeat(plane, agent);
  await agent.said(/unreachable: .*forbidden/);
  await nextHeartbeat(plane, agent);
  await agent.said(/connected/, agent.lines.length - 1);
});

test('assigned pools are replaced as a whole, also by an empty list; a message without a list changes nothing', async () => {
  const { plane, agent } = await members();
  plane.assignedPools = { pools: [{ id: '1', name: 'nfs' }] };
  await nextHeartbeat(plane, agent);
  plane.assignedPools = { pools: [] };
  await nextHeartbeat(plane, agent);
  plane.assignedPools = undefined;
  await nextHeartbeat(plane, agent);
  await agent.clock.sleeping();
  expect(agent.assigned).toEqual([['nfs'], []]);
});
