import { expect, test } from 'vitest';
import type { Vm } from '../../../../apps/api/vms.ts';
import { parseDefinitions } from '../../../../apps/libvirt/definitions.ts';
import { readNetworks } from '../../../../apps/libvirt/networks.ts';
import { readVms } from '../../../../apps/libvirt/read-vms.ts';
import { parseStatistics, readStatistics } from '../../../../apps/libvirt/statistics.ts';
import { LIBVIRT_IS_HERE, libvirtDaemon } from './daemon.ts';

const ID = '9f1b2c3d-0000-4000-8000-00000000abcd';
const WEB: Vm = {
  id: ID,
  name: "it's web",
  state: 'running',
  cpus: 1,
  memory: 1,
  persistent: true,
  autostart: false,
};

const OUTPUT = `quantix-addresses-of ${ID}
 Name       MAC address          Protocol     Address
-------------------------------------------------------------------------------
 vnet0      52:54:00:12:34:56    ipv4         192.168.122.3/24
 -          -                    ipv6         2001:DB8::3/64

 Name       MAC address          Protocol     Address
-------------------------------------------------------------------------------
 lo         00:00:00:00:00:00    ipv4         127.0.0.1/8
 vnet0      52:54:00:12:34:56    ipv4         192.168.122.3/24
 vnet0      52:54:00:12:34:56    ipv6         fe80::1/64
 vnet0      52:54:00:12:34:56    ipv4         999.1.1.1/24

Domain: 'it's web'
  cpu.time=123456789
  cpu.user=1
  balloon.current=1048576
  balloon.rss=2048
  block.count=2
  block.0.name=vda
  block.0.rd.bytes=100
  block.0.wr.bytes=10
  block.1.rd.bytes=11
  net.count=1
  net.0.name=vnet0
  net.0.rx.bytes=7
  net.0.tx.bytes=8

Domain: 'another'
  cpu.time=5
`;

test('usage of a guest is summed over its disks and network cards, with its reachable addresses', () => {
  expect(parseStatistics(OUTPUT, [WEB])).toEqual([
    {
      id: ID,
      cpuTime: 123_456_789,
      memory: 2_097_152,
      diskRead: 111,
      diskWritten: 10,
      received: 7,
      sent: 8,
      addresses: ['192.168.122.3', '2001:db8::3'],
    },
  ]);
});

test.each([
  ['', []],
  ["Domain: 'it's web'", [{ id: ID, cpuTime: 0, addresses: [] }]],
  [
    "Domain: 'it's web'\n  cpu.time=-1\n  cpu.time=x\n  cpu.time=99999999999999999999",
    [{ cpuTime: 0 }],
  ],
  [`quantix-addresses-of ${ID}\n x y ipv4 \u001b[2J/24\nDomain: 'it's web'`, [{ addresses: [] }]],
])('malformed output is ignored: %j', (output, told) => {
  expect(parseStatistics(output, [WEB])).toMatchObject(told);
});

test('a VNC port is reported only for running machines, and only on the loopback address', () => {
  const xml = (id: string, graphics: string) =>
    `<domain type='kvm'${id}>\n  <uuid>${ID}</uuid>\n  <description><graphics type='vnc' port='1'/></description>\n  <devices>\n    <serial type='pty'>\n    </serial>\n    <channel type='unix'>\n      <target type='virtio' name='org.qemu.guest_agent.0' state='connected'/>\n    </channel>\n    ${graphics}\n  </devices>\n</domain>\n`;
  const live = (graphics: string) =>
    parseDefinitions(xml('', '') + xml(" id='3'", graphics)).get(ID)?.live;
  const vnc = (listen: string) =>
    `<graphics type='vnc' port='5901' autoport='yes' listen='${listen}'>`;
  expect(live(vnc('127.0.0.1'))).toEqual({ vncPort: 5901, serial: true, hasAgent: true });
  expect(live(vnc('0.0.0.0'))).toMatchObject({ vncPort: 0 });
  expect(live("<graphics type='vnc' port='-1'>")).toMatchObject({ vncPort: 0 });
  expect(live('')).toMatchObject({ vncPort: 0 });
  expect(parseDefinitions(xml('', vnc('127.0.0.1'))).get(ID)?.live).toBeUndefined();
});

test.runIf(LIBVIRT_IS_HERE)(
  'a real libvirt gives statistics of guests in one run, and its networks',
  async () => {
    const daemon = await libvirtDaemon();
    await daemon.start();
    const libvirt = { uri: daemon.uri };
    const { vms } = await readVms(libvirt);
    const [one] = vms;
    const told = await readStatistics(libvirt, vms);
    expect(told).toMatchObject([
      { id: one?.id, addresses: [expect.stringMatching(/^192\.168\./)] },
    ]);
    expect(await readNetworks(libvirt)).toEqual(['default']);
    await daemon.kill();
    expect(await readStatistics(libvirt, vms)).toBeUndefined();
    expect(await readNetworks(libvirt)).toBeUndefined();
  },
);
