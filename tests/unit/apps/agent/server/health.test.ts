import { expect, test } from 'vitest';
import { readHealth } from '../../../../../apps/agent/server/health.ts';
import { smallParts, world } from './small-parts.ts';

test('a node without a control plane is healthy', async () => {
  expect(await readHealth(smallParts(world()))).toEqual({
    ok: true,
    version: '0.1.0',
    managementAddress: '10.0.0.7',
    controlPlane: { state: 'unconfigured', address: null, problem: null },
    dataDisk: { persistent: true, problem: null },
    deployment: null,
    maintenance: { on: false, reason: null, since: null },
    problems: [],
  });
});

test('a host in maintenance is healthy, and reports the maintenance', async () => {
  const around = world();
  around.maintenance = { on: true, reason: 'new memory', since: '2026-01-27T10:15:00.000Z' };
  expect(await readHealth(smallParts(around))).toMatchObject({
    ok: true,
    maintenance: { on: true, reason: 'new memory' },
  });
});

test('a host without a data disk is healthy, and reports that its virtual machines are not persistent', async () => {
  const around = world();
  around.dataDisk = { state: 'absent', problem: 'there is no data disk' };
  expect(await readHealth(smallParts(around))).toMatchObject({
    ok: true,
    dataDisk: { persistent: false, problem: 'there is no data disk' },
  });
});

test('a data disk that cannot be used, and memory for changes that is nearly full, are problems', async () => {
  const around = world();
  around.dataDisk = { state: 'unusable', problem: 'several file systems are labelled so' };
  around.host.changes = { total: 1000, used: 799 };
  expect((await readHealth(smallParts(around))).problems).toEqual([
    'several file systems are labelled so',
  ]);
  around.host.changes = { total: 1000, used: 800 };
  expect(await readHealth(smallParts(around))).toMatchObject({
    ok: false,
    problems: ['several file systems are labelled so', expect.stringContaining('nearly full')],
  });
});

test('each missing part is reported with its own message', async () => {
  const around = world();
  around.address = null;
  around.libvirt = { available: false, problem: 'libvirt is not running' };
  around.problems = ['node.yaml, line 3: unknown key'];
  around.controlPlane = { state: 'unreachable', address: 'https://a', problem: 'no route' };
  around.pools = around.pools.map((pool) => ({ ...pool, health: 'failed', problem: 'hangs' }));
  const { ok, problems } = await readHealth(smallParts(around));
  expect(ok).toBe(false);
  expect(problems).toEqual([
    'node.yaml, line 3: unknown key',
    'no interface has an address for management',
    'libvirt is not running',
    'storage pool data: hangs',
    'control plane: no route',
  ]);
});
