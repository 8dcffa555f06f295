import { describe, expect, test } from 'vitest';
import { parseDefaultRoutes } from '../../../../apps/network/default-routes.ts';
import { type LinkKind, linkKind } from '../../../../apps/network/link-kind.ts';
import {
  detectManagementAddress,
  managementAddress,
} from '../../../../apps/network/management-address.ts';

/** `name kind address` of each, and names of interfaces with a default route, the preferred one first. */
function choose(interfaces: [string, LinkKind, string][], ...routes: string[]): string | null {
  return managementAddress({
    addresses: interfaces.map(([name, kind, address]) => ({ interface: name, kind, address })),
    defaultRoutes: routes.map((name, metric) => ({ interface: name, metric })),
  });
}

describe('the management address', () => {
  test('is that of the physical interface with the default route, be it WiFi', () => {
    const eth0 = ['eth0', 'ethernet', '10.0.0.2'] as [string, LinkKind, string];
    const wlan0 = ['wlan0', 'wifi', '10.1.0.2'] as [string, LinkKind, string];
    expect(choose([eth0, wlan0], 'wlan0')).toBe('10.1.0.2');
    expect(choose([eth0, wlan0], 'wlan0', 'eth0')).toBe('10.1.0.2');
    expect(choose([eth0, wlan0], 'eth0', 'wlan0')).toBe('10.0.0.2');
  });

  test('is then that of Ethernet, of a bond, of WiFi, of a VLAN, of a bridge, of anything', () => {
    const kinds: LinkKind[] = ['virtual', 'bridge', 'vlan', 'wifi', 'bond', 'ethernet'];
    const all = kinds.map((kind, index): [string, LinkKind, string] => [
      `x${index}`,
      kind,
      `10.0.${index}.1`,
    ]);
    const order: (string | null)[] = [];
    for (let left = all; left.length > 0; left = left.slice(0, -1)) order.push(choose(left));
    expect(order).toEqual(['10.0.5.1', '10.0.4.1', '10.0.3.1', '10.0.2.1', '10.0.1.1', '10.0.0.1']);
  });

  test('is that of the bridge which the only default route is on, if nothing else has an address', () => {
    const bridge: [string, LinkKind, string] = ['br0', 'bridge', '10.0.0.2'];
    expect(choose([['tap0', 'virtual', '10.9.0.1'], bridge], 'br0')).toBe('10.0.0.2');
  });

  test('is that of the one with a default route among equals', () => {
    const bonds: [string, LinkKind, string][] = [
      ['bond0', 'bond', '10.0.0.2'],
      ['bond1', 'bond', '10.1.0.2'],
    ];
    expect(choose(bonds, 'bond1')).toBe('10.1.0.2');
    expect(choose(bonds)).toBe('10.0.0.2');
  });

  test('is never link-local, of the loop, or of a NAT network of libvirt', () => {
    const none: [string, LinkKind, string][] = [
      ['eth0', 'ethernet', '169.254.7.7'],
      ['lo', 'virtual', '127.0.0.1'],
      ['virbr0', 'bridge', '192.168.122.1'],
      ['virbr1', 'bridge', '192.168.100.1'],
      ['eth1', 'ethernet', '0.0.0.0'],
    ];
    expect(choose(none, 'eth0', 'virbr0')).toBeNull();
  });

  test('of a machine that itself is a guest in such a network is the one it has there', () => {
    expect(choose([['eth0', 'ethernet', '192.168.122.50']], 'eth0')).toBe('192.168.122.50');
  });

  test('of a machine without addresses is none', () => {
    expect(choose([], 'eth0')).toBeNull();
  });

  test('can be detected on this machine', async () => {
    const found = await detectManagementAddress();
    if (found !== null) expect(found).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    expect(await detectManagementAddress('/nonexistent')).toBe(found);
  });
});

describe('default routes', () => {
  const head =
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';

  test('come with the preferred one first; others and unusable ones are left out', () => {
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
    'are none in %j',
    (text) => {
      expect(parseDefaultRoutes(text)).toEqual([]);
    },
  );
});

test('an interface is what the kernel has in its folder, whatever its name', () => {
  expect(linkKind(['address', 'device'], '')).toBe('ethernet');
  expect(linkKind(['device', 'phy80211'], 'DEVTYPE=wlan\n')).toBe('wifi');
  expect(linkKind(['bonding'], 'DEVTYPE=bond\n')).toBe('bond');
  expect(linkKind(['bridge', 'brif'], '')).toBe('bridge');
  expect(linkKind(['lower_eth0'], 'DEVTYPE=vlan\nINTERFACE=eth0.7\n')).toBe('vlan');
  expect(linkKind([], '')).toBe('virtual');
});
