import { expect, test } from 'vitest';
import type { Vm } from '../../../../apps/api/vms.ts';
import {
  type Inventory,
  makeInventoryCommands,
  parseInventory,
} from '../../../../apps/libvirt/inventory.ts';
import { takeInventory } from '../../../../apps/libvirt/read-vms.ts';

const WEB = '9f1b2c3d-0000-4000-8000-00000000abcd';
const DB = '6695eb01-f6a4-8304-79aa-97f2502e193f';

const VERSION = `Compiled against library: libvirt 9.0.0
Using library: libvirt 9.0.0
Using API: QEMU 9.0.0
Running hypervisor: QEMU 7.2.22
Running against daemon: 9.0.1
`;

/** Output of virsh 9.0 for a machine of QEMU. */
function dominfo({ id = WEB, name = 'web', state = 'running' } = {}): string {
  return `Id:             1
Name:           ${name}
UUID:           ${id}
OS Type:        hvm
State:          ${state}
CPU(s):         2
CPU time:       0.3s
Max memory:     65536 KiB
Used memory:    32768 KiB
Persistent:     yes
Autostart:      enable
Managed save:   no
Security model: none
Security DOI:   0
Messages:       tainted: running with undesirable elevated privileges
                deprecated configuration: machine type 'pc-1.0'
`;
}

const web: Vm = {
  id: WEB,
  name: 'web',
  state: 'running',
  cpus: 2,
  memory: 67_108_864,
  persistent: true,
  autostart: true,
};

test('one run of virsh gives the version, the list of machines and their descriptions', () => {
  const output = VERSION + dominfo() + dominfo({ id: DB, name: 'db', state: 'shut off' });
  const { version, ids, described } = parseInventory(`${output}${WEB}\n${DB}`);
  expect(version).toBe('9.0.1');
  expect(ids).toEqual([WEB, DB]);
  expect([...described.values()]).toEqual([web, { ...web, id: DB, name: 'db', state: 'shutoff' }]);
});

test('the list is read last, so that it has no machine that is gone by then', () => {
  expect(makeInventoryCommands([WEB])).toBe(`version --daemon; dominfo ${WEB}; list --all --uuid`);
});

test.each([
  ['no state', 'nostate'],
  ['idle', 'blocked'],
  ['paused', 'paused'],
  ['in shutdown', 'shutdown'],
  ['crashed', 'crashed'],
  ['pmsuspended', 'pmsuspended'],
])('the state "%s" of virsh is %s', (state, expected) => {
  expect(parseInventory(dominfo({ state })).described.get(WEB)?.state).toBe(expected);
});

test('a name may look like anything else that virsh writes', () => {
  const names = [`UUID: ${DB}`, DB, 'Id: 7', 'Running against daemon: 1.2.3', 'a  b ', '🐧', '1'];
  for (const name of names) {
    const { version, ids, described } = parseInventory(`${VERSION}${dominfo({ name })}${WEB}`);
    expect(version).toBe('9.0.1');
    expect(ids).toEqual([WEB]);
    expect([...described]).toEqual([[WEB, { ...web, name }]]);
  }
});

test('an unknown state is reported as unknown, with the other values of the machine', () => {
  const { described } = parseInventory(dominfo({ state: 'dreaming' }));
  expect(described.get(WEB)).toEqual({ ...web, state: 'unknown' });
});

/** A reader of inventories with the given outputs of virsh, one per call; the last one is repeated. */
function looks(outputs: readonly string[]) {
  const asked: (readonly string[])[] = [];
  const look = async (ids: readonly string[]): Promise<Inventory> => {
    asked.push(ids);
    return parseInventory(outputs[asked.length - 1] ?? outputs.at(-1) ?? '');
  };
  return { asked, look };
}

test('a machine that is listed but not described keeps its last values, in an unknown state', async () => {
  const db = { ...web, id: DB, name: 'db' };
  // After a dominfo that failed, virsh continues and lists all machines.
  const { look, asked } = looks([`${VERSION}${dominfo()}${WEB}\n${DB}`]);
  const { vms } = await takeInventory(look, [web, db]);
  expect(vms).toEqual([web, { ...db, state: 'unknown' }]);
  expect(asked).toEqual([[WEB, DB]]);
});

test('a machine that was never described is reported with only its UUID', async () => {
  const { look, asked } = looks([`${VERSION}${WEB}\n${DB}`, `${VERSION}${dominfo()}${WEB}\n${DB}`]);
  const { vms } = await takeInventory(look, []);
  expect(vms).toMatchObject([web, { id: DB, name: DB, state: 'unknown' }]);
  expect(asked).toEqual([[], [WEB, DB]]);
});

test('a machine that is no longer listed is gone, and a new one is described', async () => {
  const { look } = looks([`${dominfo()}${DB}`, `${dominfo({ id: DB, name: 'db' })}${DB}`]);
  const { vms } = await takeInventory(look, [web]);
  expect(vms).toEqual([{ ...web, id: DB, name: 'db' }]);
});

test('a malformed description is ignored, and the other machines are described', () => {
  const broken = [
    dominfo({ id: DB }).replace('65536 KiB', '65536 elephants'),
    dominfo({ id: DB }).replace('CPU(s):         2', 'CPU(s):         two'),
    dominfo({ id: '00000000-0000-0000-0000-000000000000' }),
    dominfo({ id: '../../etc/passwd' }),
    dominfo({ id: DB }).slice(0, 120),
    `Id:\n${'x'.repeat(1_000_000)}\n\0\u001b[2J`,
  ];
  for (const one of broken) {
    const { described } = parseInventory(`${one}\n${dominfo()}${WEB}`);
    expect([...described.values()]).toEqual([web]);
  }
});

test('without a daemon the version is that of the library, and empty output has no machines', () => {
  expect(parseInventory('Using library: libvirt 9.0.0').version).toBe('9.0.0');
  expect(parseInventory('')).toEqual({ version: null, ids: [], described: new Map() });
});
