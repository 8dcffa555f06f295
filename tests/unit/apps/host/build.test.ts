import { expect, test } from 'vitest';
import { readNumaNodes } from '../../../../apps/host/build.ts';
import { parseCpuFeatures } from '../../../../apps/host/cpuinfo.ts';
import { readPciDevices } from '../../../../apps/host/devices.ts';
import { readLinks } from '../../../../apps/host/links.ts';
import { inside, makeRootFolder } from './root-folder.ts';

const PCI = 'sys/bus/pci/devices';
const NET = 'sys/class/net';

test('devices are reported with driver, IOMMU group and virtual functions, except PCI bridges', async () => {
  const root = await makeRootFolder({
    ...inside(`${PCI}/0000:3b:00.0`, {
      vendor: '0x8086\n',
      device: '0x1572\n',
      class: '0x020000\n',
      driver: '-> ../../../../bus/pci/drivers/i40e',
      iommu_group: '-> ../../../../kernel/iommu_groups/27',
      sriov_totalvfs: '64\n',
      sriov_numvfs: '1\n',
    }),
    ...inside(`${PCI}/0000:3b:02.0`, {
      vendor: '0x8086\n',
      device: '0x154c\n',
      class: '0x020000\n',
      physfn: '-> ../0000:3b:00.0',
    }),
    ...inside(`${PCI}/0000:00:1f.0`, { vendor: '0x8086\n', device: '0x1\n', class: '0x060100\n' }),
    ...inside(`${PCI}/0000:00:1e.0`, { vendor: '0x8086\n' }),
    [`${PCI}/nonsense/class`]: '0x020000\n',
  });
  const one = { id: '8086:1572', deviceClass: '0200', driver: 'i40e', iommuGroup: 27 };
  const other = { id: '8086:154c', deviceClass: '0200', driver: null, iommuGroup: null };
  expect(await readPciDevices(root)).toEqual([
    {
      address: '0000:3b:00.0',
      ...one,
      virtualFunctionsPossible: 64,
      virtualFunctions: 1,
      physicalFunction: null,
    },
    {
      address: '0000:3b:02.0',
      ...other,
      virtualFunctionsPossible: 0,
      virtualFunctions: 0,
      physicalFunction: '0000:3b:00.0',
    },
  ]);
  expect(await readPciDevices(await makeRootFolder({ 'sys/': '' }))).toEqual([]);
});

test('NUMA nodes are reported with their memory and processors, by number', async () => {
  const node = (number: number, cpulist: string) =>
    inside(`sys/devices/system/node/node${number}`, {
      cpulist,
      meminfo: `Node ${number} MemTotal:       65536000 kB\nNode ${number} MemFree: 1 kB\n`,
    });
  const root = await makeRootFolder({ ...node(10, '8-15\n'), ...node(2, '0-7\n') });
  expect(await readNumaNodes(root)).toEqual([
    { number: 2, cpus: '0-7', memory: 65_536_000 * 1024 },
    { number: 10, cpus: '8-15', memory: 65_536_000 * 1024 },
  ]);
  expect(await readNumaNodes(await makeRootFolder({ 'sys/': '' }))).toEqual([]);
});

test('links are reported with kind, ports, VLAN and addresses, except those of guests', async () => {
  const address = (cidr: string) => ({
    address: cidr.split('/')[0] ?? '',
    netmask: '',
    mac: '',
    internal: false,
    cidr,
    family: 'IPv4' as const,
  });
  const root = await makeRootFolder({
    ...inside(`${NET}/eth0`, { address: '52:54:00:AA:00:01\n', mtu: '1500\n', carrier: '1\n' }),
    [`${NET}/eth0/device/`]: '',
    ...inside(`${NET}/br0`, { address: '52:54:00:aa:00:01\n', mtu: '1500\n', carrier: '1\n' }),
    [`${NET}/br0/bridge/`]: '',
    [`${NET}/br0/lower_eth0`]: '-> ../eth0',
    [`${NET}/br0/lower_vnet0`]: '-> ../vnet0',
    ...inside(`${NET}/bond0`, { mtu: '9000\n', carrier: '0\n' }),
    [`${NET}/bond0/bonding/`]: '',
    ...inside(`${NET}/lan`, { uevent: 'DEVTYPE=vlan\n', mtu: '1500\n' }),
    [`${NET}/lan/lower_bond0`]: '-> ../bond0',
    'proc/net/vlan/lan': 'lan  VID: 7\t REORDER_HDR: 1  dev->priv_flags: 1021\nDevice: bond0\n',
    ...inside(`${NET}/vnet0`, { tun_flags: '0x1002\n' }),
    ...inside(`${NET}/lo`, { mtu: '65536\n' }),
  });
  const told = await readLinks(root, {
    br0: ['192.0.2.7/24', 'fe80::1/64', '169.254.1.1/16', '2001:db8::7/64'].map(address),
    lo: [address('127.0.0.1/8')],
  });
  expect(told).toMatchObject([
    { name: 'bond0', type: 'bond', mtu: 9000, up: false, vlanId: 0 },
    {
      name: 'br0',
      type: 'bridge',
      ports: ['eth0', 'vnet0'],
      addresses: ['192.0.2.7/24', '2001:db8::7/64'],
      up: true,
    },
    { name: 'eth0', type: 'card', mac: '52:54:00:aa:00:01', addresses: [], ports: [] },
    { name: 'lan', type: 'vlan', ports: ['bond0'], vlanId: 7, up: false },
  ]);
});

test('CPU features are those that all processors have', () => {
  expect(parseCpuFeatures('flags\t\t: vmx fpu avx2\n\nflags\t\t: fpu vmx\n')).toEqual([
    'fpu',
    'vmx',
  ]);
  expect(parseCpuFeatures('Features\t: fp asimd\n')).toEqual(['asimd', 'fp']);
  expect(parseCpuFeatures('processor: 0\n')).toEqual([]);
});
