import { cpus } from 'node:os';
import { expect, test } from 'vitest';
import { hostSchema } from '../../../../apps/api/host.ts';
import { CpuMeter } from '../../../../apps/host/cpu-usage.ts';
import { readHost } from '../../../../apps/host/host.ts';
import { GUEST } from './guest.ts';
import { type Files, makeRootFolder } from './root-folder.ts';
import { SERVER } from './server.ts';

async function look(files: Files) {
  const root = await makeRootFolder(files);
  return await readHost({ root, meter: new CpuMeter(root), managementAddress: '192.0.2.7' });
}

test('a server is reported with its sockets, real disks and cards', async () => {
  expect(await look(SERVER)).toEqual({
    product: 'Quantix-OS',
    version: '0.1.0',
    base: 'alpine',
    hostname: 'rack4-node2',
    uptime: 350735.47,
    managementAddress: '192.0.2.7',
    cpu: {
      model: 'Intel(R) Xeon(R) Gold 5122 CPU @ 3.60GHz',
      sockets: 2,
      cores: 8,
      threads: 16,
      frequency: 3900,
      virtualization: true,
    },
    memory: {
      total: 196608000 * 1024,
      available: 98304000 * 1024,
      hugePages: 2 * 1024 * 1024 * 1024,
    },
    changes: null,
    load: [0.52, 1.25, 11.04],
    cpuUsage: 0.15,
    disks: [
      {
        path: '/dev/nvme0n1',
        model: 'SAMSUNG MZQL23T8HCLS-00A07',
        serial: 'S64GNE0R911111',
        size: 3840755982336,
        kind: 'nvme',
        readOnly: false,
      },
      {
        path: '/dev/sda',
        model: 'SEAGATE ST1200MM0009',
        serial: 'WFK1A2B3',
        size: 1200243695616,
        kind: 'hdd',
        readOnly: true,
      },
      {
        path: '/dev/sdb',
        model: 'Kingston DataTraveler 3.0',
        serial: null,
        size: 15502147584,
        kind: 'removable',
        readOnly: false,
      },
    ],
    nics: [
      {
        name: 'ens1f0',
        mac: '3c:fd:fe:aa:00:10',
        driver: 'i40e',
        speed: 10000,
        mtu: 9000,
        kind: 'ethernet',
      },
      {
        name: 'ens1f1',
        mac: '3c:fd:fe:aa:00:11',
        driver: 'i40e',
        speed: null,
        mtu: 9000,
        kind: 'ethernet',
      },
    ],
  });
});

test('a virtual machine is reported with virtual disks, and cannot virtualize without /dev/kvm', async () => {
  const host = await look(GUEST);
  expect(host).toMatchObject({
    product: 'QvDC',
    cpu: { sockets: 1, cores: 1, threads: 1, frequency: 2595, virtualization: false },
    memory: { total: 1014716 * 1024, hugePages: 0 },
    cpuUsage: 0,
    disks: [
      { path: '/dev/sda', model: 'QEMU HARDDISK', kind: 'virtual', size: 1048576 },
      { path: '/dev/vda', model: null, kind: 'virtual', serial: 'QX-DISK-1', size: 17179869184 },
    ],
    nics: [
      { name: 'eth0', driver: 'virtio_net', speed: null, kind: 'ethernet' },
      { name: 'wlan0', driver: 'iwlwifi', kind: 'wifi' },
    ],
  });
  expect(host.disks[0]?.serial).toBe('t10.ATA QEMU HARDDISK QM00001');
});

test('a disk or card that is plugged in later is found by the next read', async () => {
  const before = await look({});
  expect(before.disks).toEqual([]);
  const after = await look({ 'sys/block/vdb/device': '-> ../x', 'sys/block/vdb/size': '8\n' });
  expect(after.disks).toMatchObject([{ path: '/dev/vdb', size: 4096 }]);
});

test('a machine without any information is reported with unknown values', async () => {
  expect(hostSchema.parse(await look({}))).toMatchObject({
    product: 'Linux',
    cpu: { model: 'unknown', threads: 0, virtualization: false },
    memory: { total: 0 },
    disks: [],
    nics: [],
  });
});

test.each([
  ['binary', Buffer.from(Array.from({ length: 4096 }, (_, index) => index % 256))],
  ['cut short', 'cpu'],
  ['of one long line', `cpu  ${'9'.repeat(100_000)}`],
  ['a folder', ''],
])('system files that are %s do not cause an error', async (kind, content) => {
  const files = Object.entries({ ...SERVER, ...GUEST }).map(([path, before]) => {
    const isLink = typeof before === 'string' && before.startsWith('-> ');
    if (isLink || path.endsWith('/')) return [path, before];
    return kind === 'a folder' ? [`${path}/`, ''] : [path, content];
  });
  const host = await look(Object.fromEntries(files));
  expect(hostSchema.safeParse(host).error).toBeUndefined();
});

test('this machine can be described', async () => {
  const host = await readHost({ meter: new CpuMeter(), managementAddress: null });
  expect(hostSchema.parse(host)).toEqual(host);
  expect(host.cpu.threads).toBe(cpus().length);
  expect(host.memory.total).toBeGreaterThan(host.memory.available);
  expect(host.uptime).toBeGreaterThan(0);
});
