import { expect, test } from 'vitest';
import { describe } from '../../../../../apps/agent/client/describe.ts';
import { joinControlPlane } from '../../../../../apps/agent/client/join.ts';
import { setMaintenance } from '../../../../../apps/agent/client/maintenance.ts';
import { readStatus } from '../../../../../apps/agent/client/status.ts';
import { servingAgent } from '../server/agent.ts';
import { smallParts, WEB, world } from '../server/small-parts.ts';

test('the text shows the state of host, network, VMs and pools', async () => {
  const { socket } = await servingAgent(smallParts(world()));
  expect(describe(await readStatus(socket))).toBe(`Agent           qx-node 0.1.0, well
Management      10.0.0.7
Data disk       in use
Control plane   unconfigured
Host
  Quantix-OS 1.2 on node-1, up 1 day 2 hours
  Xeon: 2 sockets, 16 cores, 32 threads, KVM
  13 % busy, load 0.50 0.25 0.00
  48.5 GiB of 64.0 GiB memory available
  /dev/nvme0n1 nvme, 894 GiB, PM9A3
  eth0 52:54:00:00:00:01, ixgbe, 10000 Mbit/s
Network
  eth0 static 10.0.0.7/24, gateway 10.0.0.1
Virtual machines
  ${WEB} running web (2 CPUs, 1.0 GiB, started at boot)
Storage pools
  data filesystem /data, 75.0 GiB of 100 GiB free, 0 volumes, healthy
`);
});

test('a part that cannot be read does not hide the others', async () => {
  const around = { ...world(), network: null };
  around.libvirt = { available: false, problem: 'libvirt is not running' };
  const { socket } = await servingAgent(smallParts(around));
  const text = describe(await readStatus(socket));
  expect(text).toContain('with problems:\n  ! libvirt is not running\n');
  expect(text).toContain('Network\n  not known: qx-network does not know\n');
  expect(text).toContain('Virtual machines\n  libvirt is not running\n');
});

test('control characters in names do not reach the terminal', async () => {
  const around = world();
  around.vms = around.vms.map((vm) => ({ ...vm, name: '\u001b[2J\r\u202eweb\n' }));
  const { socket } = await servingAgent(smallParts(around));
  const text = describe(await readStatus(socket));
  expect(text).toContain('?[2J?web?');
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
});

test('maintenance is begun and ended by the running agent, and shown in the status', async () => {
  const { socket, send } = await servingAgent(smallParts(world()));
  expect(await setMaintenance(socket, { on: true, reason: 'new memory' })).toBe(
    'on since 2026-01-27T10:15:00.000Z: new memory',
  );
  expect(describe(await readStatus(socket))).toContain(
    '\nMaintenance     on since 2026-01-27T10:15:00.000Z: new memory\n',
  );
  expect(await send(`POST /v1/vms/${WEB}/start`)).toMatchObject({
    status: 409,
    text: expect.stringContaining('in maintenance') as string,
  });
  expect(await setMaintenance(socket, { on: false })).toBe('off');
  expect(await send('POST /v1/maintenance', '{"on":true,"reason":""}')).toMatchObject({
    status: 400,
  });
});

test('an agent that does not run is reported in one line', async () => {
  const agent = await servingAgent(smallParts(world()));
  await agent.stop();
  await expect(readStatus(agent.socket)).rejects.toThrow(
    `qx-node is not running: nothing listens on ${agent.socket}`,
  );
});

test('a join is handed to the running agent', async () => {
  const around = world();
  const { socket } = await servingAgent(smallParts(around));
  const told = await joinControlPlane(socket, { address: 'https://qvdc', token: 'qxj1.a.b' });
  expect(told).toBe('joined https://qvdc: connected');
  expect(around.controlPlane.state).toBe('connected');
  await expect(joinControlPlane(socket, { address: '', token: '' })).rejects.toThrow(
    'the body is not valid',
  );
});
