import { readdir, readFile, writeFile } from 'node:fs/promises';
import { isMessage } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { expect, onTestFinished, test } from 'vitest';
import { makeCertificateRequest } from '../../../../../apps/agent/membership/identity/certificate-request.ts';
import { loadKey } from '../../../../../apps/agent/membership/identity/key.ts';
import {
  HeartbeatRequestSchema,
  SyncFullStateRequestSchema,
} from '../../../../../apps/proto/gen/quantix/v1/node_service_pb.js';
import type { RefusalReason } from '../../../../../apps/proto/gen/quantix/v1/refusal_pb.js';
import { Authority } from '../../../../control-plane/authority.ts';
import { type Call, ControlPlane } from '../../../../control-plane/control-plane.ts';
import { refusal } from '../../../../control-plane/server.ts';
import { Agent, members, WEB } from './agent.ts';

const DAY = 86_400_000;

function count(plane: ControlPlane, method: Call['method']): number {
  return plane.calls.filter((call) => call.method === method).length;
}

/** Lets the agent's pause pass, and waits for the heartbeat after it. */
async function nextHeartbeat(plane: ControlPlane, agent: Agent) {
  const before = count(plane, 'heartbeat');
  await agent.clock.skip();
  const { request } = await plane.answered('heartbeat', before + 1);
  if (!isMessage(request, HeartbeatRequestSchema)) throw new Error(request.$typeName);
  await agent.clock.sleeping();
  return request;
}

function record(agent: Agent) {
  return readFile(`${agent.folder}/membership.json`, 'utf8').then((text) => JSON.parse(text));
}

test('a host reports its machine, boot, protocol versions and time', async () => {
  const { plane, agent } = await members();
  const { request } = await plane.answered('syncFullState', 1);
  if (!isMessage(request, SyncFullStateRequestSchema)) throw new Error(request.$typeName);
  expect(request.version).toMatchObject({ protocol: 2, oldestProtocol: 1, program: '1.0.0' });
  expect(request.host?.hardware).toMatchObject({ serial: 'A1', bootId: 'boot-1' });
  const heartbeat = await nextHeartbeat(plane, agent);
  expect(heartbeat).toMatchObject({ bootId: 'boot-1', version: { protocol: 2 } });
  expect(Number(heartbeat.clientTime?.seconds)).toBe(Math.floor(agent.clock.now() / 1000));
  expect(heartbeat.stateHash?.form).toBe(1);
  const health = { problems: ['a fan stands still'], persistent: true, maintenance: true };
  expect(heartbeat.health).toMatchObject(health);
  const ends = Number(heartbeat.health?.certificateEndsAt?.seconds) * 1000;
  expect(Math.abs(ends - Date.now() - 90 * DAY)).toBeLessThan(DAY);
});

test.each([1, 2, 3] as const)(
  'with a control plane of version %i all common features work',
  async (version) => {
    const plane = await ControlPlane.open();
    onTestFinished(() => plane.api.close());
    plane.version = version;
    const { agent } = await members(plane);
    agent.vms = [{ ...WEB, state: 'paused' }];
    agent.membership.changed();
    await plane.answered('notifyVMChange', 1);
    plane.node().ledger.vms.clear();
    await nextHeartbeat(plane, agent);
    await plane.answered('syncFullState', 2);
    expect([...plane.node().ledger.vms.values()]).toMatchObject([{ name: 'web', powerState: 3 }]);
    // Both sides now have the same hashes, so no further full state is requested.
    await nextHeartbeat(plane, agent);
    expect(count(plane, 'syncFullState')).toBe(2);
    expect(agent.membership.status).toMatchObject({ state: 'connected', problem: null });
  },
);

test('a host follows updates and downgrades of the control plane', async () => {
  const { plane, agent } = await members();
  for (const version of [1, 3, 2, 1, 2] as const) {
    plane.version = version;
    await nextHeartbeat(plane, agent);
    await nextHeartbeat(plane, agent);
  }
  expect(count(plane, 'syncFullState')).toBe(1);
});

test('a refusal for an unknown reason is temporary', async () => {
  const { plane, agent } = await members();
  plane.fault.before = () => {
    plane.fault = {};
    throw refusal(Code.PermissionDenied, 99 as RefusalReason, 120);
  };
  await nextHeartbeat(plane, agent);
  await agent.said(/for a reason that is not known here \(99\)/);
  expect(await agent.clock.sleeping()).toBe(120_000);
  await nextHeartbeat(plane, agent);
  expect(agent.membership.status.state).toBe('connected');
});

test('a host follows a control plane to its announced addresses, also after a restart', async () => {
  const { plane, agent } = await members();
  const before = plane.api.origin;
  const api = await plane.openElsewhere();
  onTestFinished(() => api.close());
  plane.endpoints = { version: 2n, origins: ['ftp://nonsense', before, api.origin] };
  await nextHeartbeat(plane, agent);
  expect((await nextHeartbeat(plane, agent)).endpointsVersion).toBe(2n);
  expect((await record(agent)).endpoints.origins).toEqual([before, api.origin]);
  await plane.api.close();
  await nextHeartbeatAfterFailure(plane, agent);
  await agent.said(new RegExp(`answers at ${api.origin}, no longer at ${before}`));
  expect(agent.membership.status).toMatchObject({ state: 'connected', address: api.origin });
  await agent.stop();
  await agent.start();
  await agent.clock.skip();
  await plane.answered('syncFullState', 2);
  expect(agent.membership.status.address).toBe(api.origin);
});

/** Lets pauses pass until a heartbeat is answered. */
async function nextHeartbeatAfterFailure(plane: ControlPlane, agent: Agent): Promise<void> {
  const before = count(plane, 'heartbeat');
  while (count(plane, 'heartbeat') === before) {
    await agent.clock.skip();
    await agent.clock.sleeping();
  }
}

test('an older list of addresses is ignored', async () => {
  const { plane, agent } = await members();
  plane.endpoints = { version: 5n, origins: [plane.api.origin, 'https://192.0.2.1:9443'] };
  await nextHeartbeat(plane, agent);
  plane.endpoints = { version: 4n, origins: ['https://192.0.2.66:9443'] };
  await nextHeartbeat(plane, agent);
  expect((await record(agent)).endpoints).toEqual({
    version: '5',
    origins: [plane.api.origin, 'https://192.0.2.1:9443'],
  });
});

test('during a change of root certificate both are trusted, and then only the new one', async () => {
  const { plane, agent } = await members();
  const next = await Authority.create('Quantix control plane, next');
  plane.trust = { version: 2n, authorities: [plane.authority, next] };
  await nextHeartbeat(plane, agent);
  await agent.said(/trusts the authorities of version 2/);
  expect((await nextHeartbeat(plane, agent)).trustBundleVersion).toBe(2n);
  // From now on, the server has a certificate of the new root.
  await plane.api.close();
  await plane.api.open(await next.server());
  await nextHeartbeatAfterFailure(plane, agent);
  expect(agent.membership.status.state).toBe('connected');
  // The old root signed the node's own certificate, so the node refuses a list without the old root.
  plane.trust = { version: 3n, authorities: [next] };
  plane.api.clientAuthorities = () => [plane.authority.pem, next.pem];
  await plane.api.close();
  await plane.api.open(await next.server());
  await nextHeartbeatAfterFailure(plane, agent);
  await agent.said(/authorities could not be changed: .*not signed by the CA/);
  expect(agent.membership.status.state).toBe('connected');
});

test('authorities that share no root with the trusted ones are refused', async () => {
  const { plane, agent } = await members();
  const stranger = await Authority.create('Somebody else');
  plane.trust = { version: 2n, authorities: [stranger] };
  await nextHeartbeat(plane, agent);
  await agent.said(/authorities could not be changed/);
  expect((await record(agent)).caCertificates).toBe(plane.authority.pem);
});

/** Stops an agent, and replaces its certificate by one that expired some milliseconds ago. */
async function stopUntilExpired(plane: ControlPlane, agent: Agent, ago: number): Promise<void> {
  await agent.stop();
  const key = await loadKey(agent.folder, expect.unreachable);
  const notAfter = new Date(Date.now() - ago);
  const validity = { notBefore: new Date(notAfter.getTime() - 90 * DAY), notAfter };
  const { certificate } = await plane.authority.sign(await makeCertificateRequest(key), validity);
  const kept = { ...(await record(agent)), certificateChain: certificate };
  await writeFile(`${agent.folder}/membership.json`, JSON.stringify(kept));
}

test('a host that was off beyond the expiry of its certificate renews it, and continues', async () => {
  const { plane, agent } = await members();
  await stopUntilExpired(plane, agent, DAY);
  await agent.start();
  await agent.clock.skip();
  await plane.answered('syncFullState', 2);
  expect(count(plane, 'renewCertificate')).toBe(1);
  expect(count(plane, 'register')).toBe(1);
});

test('a certificate that expired too long ago is refused, and a token is requested', async () => {
  const { plane, agent } = await members();
  plane.grace = DAY;
  await stopUntilExpired(plane, agent, 2 * DAY);
  await agent.start();
  await agent.clock.skip();
  await agent.said(/refused: .*expired too long ago/);
});

test('if its disk was copied into a second machine, a host reports that another host uses its key', async () => {
  const { plane, agent } = await members();
  const copy = new Agent(agent.folder);
  copy.hardware = { ...agent.hardware, serial: 'B2', bootId: 'boot-2' };
  onTestFinished(() => copy.stop());
  await copy.start();
  await copy.clock.skip();
  await plane.answered('syncFullState', 2);
  await agent.clock.skip();
  await agent.said(/refused: another host uses the key of this one/);
});

test('a host that leaves reports it, forgets its control plane, and can join again', async () => {
  const { plane, agent } = await members();
  await agent.membership.leave(false);
  expect(agent.membership.status).toEqual({ state: 'unconfigured', address: null, problem: null });
  expect(await readdir(agent.folder)).not.toContain('membership.json');
  expect(await readFile(`${agent.folder}/node.yaml`, 'utf8')).not.toContain(plane.api.origin);
  await expect(agent.membership.leave(false)).rejects.toThrow(/belongs to no control plane/);
  await agent.membership.join({ controlPlane: plane.api.origin, token: plane.token() });
  await agent.clock.skip();
  await plane.answered('syncFullState', 2);
});

test('a control plane that cannot be informed is left by force only', async () => {
  const { plane, agent } = await members();
  await plane.api.close();
  await expect(agent.membership.leave(false)).rejects.toThrow(/was not notified.*--force/);
  expect(await readdir(agent.folder)).toContain('membership.json');
  await agent.membership.leave(true);
  expect(agent.membership.status.state).toBe('unconfigured');
});

test('time servers are applied when they change, and withdrawn when the list is empty or the host leaves', async () => {
  const { plane, agent } = await members();
  await nextHeartbeat(plane, agent);
  expect(agent.timeServers).toEqual([]);
  for (const servers of [['192.0.2.1'], ['192.0.2.1'], [], ['ntp.example']]) {
    plane.timeServers = servers;
    await nextHeartbeat(plane, agent);
  }
  plane.timeServers = undefined;
  await nextHeartbeat(plane, agent);
  expect(agent.timeServers).toEqual([['192.0.2.1'], [], ['ntp.example']]);
  await agent.membership.leave(false);
  expect(agent.timeServers.at(-1)).toEqual([]);
});

test('a control plane that moved without an announcement is found on the LAN after a minute, and an impostor is not accepted', async () => {
  const { plane, agent } = await members();
  const impostor = await ControlPlane.open();
  onTestFinished(() => impostor.api.close());
  const api = await plane.openElsewhere();
  onTestFinished(() => api.close());
  const asked: (readonly string[])[] = [];
  agent.askLan = async (fingerprints) => {
    asked.push(fingerprints);
    return [impostor.api.origin, api.origin];
  };
  await plane.api.close();
  let waited = 0;
  while (asked.length === 0) waited += await agent.clock.skip();
  expect(waited).toBeGreaterThanOrEqual(60_000);
  expect(asked).toEqual([[plane.authority.fingerprint]]);
  for (let tries = 0; agent.membership.status.address !== api.origin; tries += 1) {
    expect(tries).toBeLessThan(20);
    await agent.clock.skip();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await agent.said(new RegExp(`answers at ${api.origin}`));
  expect(impostor.calls).toEqual([]);
  expect((await record(agent)).origin).toBe(api.origin);
});
