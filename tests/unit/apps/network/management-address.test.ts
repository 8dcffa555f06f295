import { mkdir, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  parseDefaultRoutes,
  parseDefaultRoutes6,
} from '../../../../apps/network/default-routes.ts';
import { type LinkKind, linkKind, readLinkKind } from '../../../../apps/network/link-kind.ts';
import {
  chooseManagementAddress,
  detectManagementAddress,
} from '../../../../apps/network/management-address.ts';
import { temporaryFolder } from '../../folder.ts';

type Link = [name: string, kind: LinkKind, address: string];

/** Chooses an address. @param routes interfaces with a default route, the preferred one first; `6:NAME` for IPv6 */
function choose(interfaces: Link[], ...routes: string[]): string | null {
  const ranked = routes.map((name, metric) => ({ interface: name, metric }));
  return chooseManagementAddress({
    addresses: interfaces.map(([name, kind, address]) => ({ interface: name, kind, address })),
    defaultRoutes: ranked.filter((route) => !route.interface.startsWith('6:')),
    defaultRoutes6: ranked.flatMap((route) =>
      route.interface.startsWith('6:') ? [{ ...route, interface: route.interface.slice(2) }] : [],
    ),
  });
}

describe('the management address', () => {
  test('is that of the interface with the preferred default route, whatever its kind', () => {
    const card: Link = ['eth2', 'ethernet', '192.168.50.2'];
    for (const kind of ['wifi', 'bond', 'bridge', 'vlan', 'virtual', 'guests'] as const) {
      const preferred: Link = ['x', kind, '10.0.0.7'];
      expect(choose([card, preferred], 'x')).toBe('10.0.0.7');
      expect(choose([card, preferred], 'x', 'eth2')).toBe('10.0.0.7');
      expect(choose([card, preferred], 'eth2', 'x')).toBe('192.168.50.2');
    }
  });

  test('without a default route is that of Ethernet, else a bond, a bridge, a VLAN, WiFi, or any other', () => {
    const kinds: LinkKind[] = ['virtual', 'wifi', 'vlan', 'bridge', 'bond', 'ethernet'];
    const all = kinds.map((kind, index): Link => [`x${index}`, kind, `10.0.${index}.1`]);
    const order: (string | null)[] = [];
    for (let left = all; left.length > 0; left = left.slice(0, -1)) order.push(choose(left));
    expect(order).toEqual(['10.0.5.1', '10.0.4.1', '10.0.3.1', '10.0.2.1', '10.0.1.1', '10.0.0.1']);
  });

  test('is an IPv6 address only if there is no IPv4 address', () => {
    const both: Link[] = [
      ['eth0', 'ethernet', '2001:db8::7'],
      ['eth0', 'ethernet', 'fe80::1'],
      ['eth1', 'ethernet', '10.0.0.7'],
    ];
    expect(choose(both, '6:eth0')).toBe('10.0.0.7');
    expect(choose(both.slice(0, 2), '6:eth0')).toBe('2001:db8::7');
    const two: Link[] = [
      ['eth0', 'ethernet', 'fd00::7'],
      ['br0', 'bridge', '2001:db8::8'],
    ];
    expect(choose(two, '6:br0')).toBe('2001:db8::8');
    expect(choose(two)).toBe('fd00::7');
  });

  test('among interfaces of one kind is that of the interface with a default route', () => {
    const bonds: Link[] = [
      ['bond0', 'bond', '10.0.0.2'],
      ['bond1', 'bond', '10.1.0.2'],
    ];
    expect(choose(bonds, 'bond1')).toBe('10.1.0.2');
    expect(choose(bonds)).toBe('10.0.0.2');
  });

  test('is never link-local, loopback, of a NAT network of libvirt, or of an interface for guests only', () => {
    const none: Link[] = [
      ['vnet3', 'guests', '10.9.0.1'],
      ['eth0', 'ethernet', '169.254.7.7'],
      ['lo', 'virtual', '127.0.0.1'],
      ['virbr0', 'bridge', '192.168.122.1'],
      ['virbr1', 'bridge', '192.168.100.1'],
      ['eth1', 'ethernet', '0.0.0.0'],
      ['eth0', 'ethernet', 'fe80::5054:ff:fe12:3456'],
      ['febf', 'ethernet', 'febf::1'],
      ['lo', 'virtual', '::1'],
    ];
    expect(choose(none, 'eth0', 'virbr0', '6:eth0')).toBeNull();
  });

  test('of a machine that is a guest in a NAT network of libvirt is the one in that network', () => {
    expect(choose([['eth0', 'ethernet', '192.168.122.50']], 'eth0')).toBe('192.168.122.50');
  });

  test('is missing on a machine without addresses', () => {
    expect(choose([], 'eth0')).toBeNull();
  });

  test('is not that of a bridge with only guests on it', async () => {
    const folder = await temporaryFolder();
    const net = join(folder, 'sys/class/net');
    for (const path of ['br0/bridge', 'br0/brif/vnet0', 'vnet0']) {
      await mkdir(join(net, path), { recursive: true });
    }
    await writeFile(join(net, 'vnet0/tun_flags'), '0x1002\n');
    expect(await readLinkKind('br0', folder)).toBe('guests');
    await mkdir(join(net, 'br0/brif/eth0'));
    expect(await readLinkKind('br0', folder)).toBe('bridge');
  });

  test('can be detected on this machine', async () => {
    const found = await detectManagementAddress();
    if (found !== null) expect(isIP(found)).toBeGreaterThan(0);
    expect(await detectManagementAddress('/nonexistent')).toBe(found);
  });
});

describe('default routes', () => {
  const head =
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';

  test('are sorted with the preferred one first; other routes and unusable ones are left out', () => {
    const text = `${head}wlan0\t00000000\t010110AC\t0003\t0\t0\t1000004\t00000000\t0\t0\t0
eth0\t00000000\t0100000A\t0003\t0\t0\t1002\t00000000\t0\t0\t0
eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth1\t00000000\t0100000A\t0002\t0\t0\t0\t00000000\t0\t0\t0
lo\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0
half\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0
`;
    expect(parseDefaultRoutes(text)).toEqual([
      { interface: 'eth0', metric: 1002 },
      { interface: 'wlan0', metric: 1000004 },
    ]);
  });

  test.each(['', head, `${head}\n\n`, `${head}eth0\t00000000`, `${head}\0\xff\t\t\t`])(
    'are not found in %j',
    (text) => {
      expect(parseDefaultRoutes(text)).toEqual([]);
    },
  );

  test('of IPv6 are read in the same way', () => {
    const zero = '0'.repeat(32);
    const gateway = `fe80${'0'.repeat(27)}1`;
    const text = `${zero} 00 ${zero} 00 ${gateway} 00000400 00000002 00000000 00000003     eth1
${zero} 00 ${zero} 00 ${gateway} 000003e9 00000002 00000000 00450003     eth0
fd000000000000000000000000000000 40 ${zero} 00 ${zero} 00000100 00000001 00000000 00000001     eth0
${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200       lo
`;
    expect(parseDefaultRoutes6(text)).toEqual([
      { interface: 'eth0', metric: 1001 },
      { interface: 'eth1', metric: 1024 },
    ]);
    expect(parseDefaultRoutes6('\n0 0\n')).toEqual([]);
  });
});

test('the kind of an interface is read from sysfs, not from its name', () => {
  expect(linkKind(['address', 'device'], '')).toBe('ethernet');
  expect(linkKind(['device', 'phy80211'], 'DEVTYPE=wlan\n')).toBe('wifi');
  expect(linkKind(['bonding'], 'DEVTYPE=bond\n')).toBe('bond');
  expect(linkKind(['bridge', 'brif'], '')).toBe('bridge');
  expect(linkKind(['lower_eth0'], 'DEVTYPE=vlan\nINTERFACE=eth0.7\n')).toBe('vlan');
  expect(linkKind(['tun_flags'], '')).toBe('guests');
  expect(linkKind([], '')).toBe('virtual');
});
