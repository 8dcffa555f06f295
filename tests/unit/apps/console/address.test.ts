import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import {
  isHostAddress,
  isInSubnet,
  isNameServer,
  isSubnetEnd,
  toSubnet,
} from '../../../../apps/console/screens/address.ts';
import {
  isHostAddress6,
  isInSubnet6,
  isLinkLocal6,
  isNameServer6,
  isSameAddress6,
  toSubnet6,
} from '../../../../apps/console/screens/address6.ts';
import { isHostName } from '../../../../apps/console/screens/host-name.ts';
import {
  findPortsProblem,
  isInterfaceName,
  isNumber,
  isRoute,
} from '../../../../apps/console/screens/link-rules.ts';
import { isTimeServer } from '../../../../apps/console/screens/time.ts';
import { PROJECT } from '../../profile/profiles.ts';

const LIBRARY = join(PROJECT, 'overlay/common/usr/lib/quantix/network');
/** The shell files with the rules. */
const PARTS = ['message', 'address', 'address6', 'config', 'keys', 'interface'];

const WORDS = [
  ...['10.0.0.7', '0.0.0.0', '127.0.0.1', '127.255.0.9', '223.255.255.255', '224.0.0.1', '1.1.1.1'],
  ...['10.0.0.256', '10.0.0.07', '010.0.0.7', '10.0.0', '10.0.0.7.', '10.0.0.7.8', '.10.0.0', ''],
  ...[
    '10..0.7',
    '0x0a.0.0.7',
    '10.0.0.-7',
    '1000.0.0.7',
    '255.255.255.255',
    '10.0.0.7 ',
    'a.b.c.d',
  ],
];

/** Returns the verdict of qx-network's own functions on each word. */
async function shellSays(check: string, words: readonly string[], more = ''): Promise<boolean[]> {
  const read = PARTS.map((part) => `. ${LIBRARY}/${part}.sh; `).join('');
  const script = `${read}${more}where=here; for word; do if ${check} 2>/dev/null; then echo yes; else echo no; fi; done`;
  const { stdout } = await execa('busybox', ['sh', '-c', script, 'sh', ...words]);
  return stdout.split('\n').map((line) => line === 'yes');
}

test('forms accept exactly the IPv4 addresses that qx-network accepts', async () => {
  expect(WORDS.map(isHostAddress)).toEqual(await shellSays('is_host_address "$word"', WORDS));
  expect(WORDS.map(isNameServer)).toEqual(await shellSays('is_name_server "$word"', WORDS));
});

test('forms accept exactly the prefixes that qx-network accepts', async () => {
  const prefixes = ['0', '1', '8', '24', '31', '32', '33', '024', '', '-1', '2 4', '999'];
  expect(prefixes.map((prefix) => toSubnet(`10.0.0.7/${prefix}`) !== null)).toEqual(
    await shellSays('is_prefix "$word"', prefixes),
  );
});

const SUBNETS = [
  '10.0.0.7/24',
  '10.0.0.0/24',
  '10.0.0.255/24',
  '10.0.0.1/32',
  '10.0.0.2/31',
  '192.168.4.0/22',
];

test('forms and qx-network agree on first and last addresses of subnets', async () => {
  const said = await shellSays('is_subnet_end $(echo "$word" | tr / " ")', SUBNETS);
  expect(SUBNETS.map((text) => isSubnetEnd(toSubnet(text) ?? { address: '', prefix: 0 }))).toEqual(
    said,
  );
  expect(new Set(said).size).toBe(2);
});

test('forms and qx-network agree on which addresses are in a subnet', async () => {
  for (const subnet of SUBNETS) {
    const [address = '', prefix = ''] = subnet.split('/');
    const others = ['10.0.0.1', '10.0.1.1', '192.168.7.255', '192.168.8.0', '10.0.0.3'];
    const said = await shellSays(`in_subnet "$word" ${address} ${prefix}`, others);
    expect(others.map((other) => isInSubnet(other, { address, prefix: Number(prefix) }))).toEqual(
      said,
    );
  }
});

const WORDS6 = [
  ...['2001:db8::7', '::', '::1', '1::', '::2:3', 'fe80::1', 'febf::1', 'fec0::1', 'ff02::1'],
  ...['2001:db8:0:0:0:0:0:7', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7::', '::2:3:4:5:6:7:8'],
  ...['1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8::', '::1:2:3:4:5:6:7:8'],
  ...['1::2::3', ':::', '1:::2', ':1::2', '1::2:', ':', '', '12345::1', 'g::1', '2001:DB8::A'],
  ...['::ffff:10.0.0.1', 'fe80::1%eth0', '2001:db8::7 ', '10.0.0.1', '0:1::', '0000::0001'],
];

test('forms accept exactly the IPv6 addresses that qx-network accepts', async () => {
  expect(WORDS6.map(isHostAddress6)).toEqual(await shellSays('is_host_address6 "$word"', WORDS6));
  expect(WORDS6.map(isLinkLocal6)).toEqual(await shellSays('is_link_local6 "$word"', WORDS6));
  expect(WORDS6.map(isNameServer6)).toEqual(await shellSays('is_name_server6 "$word"', WORDS6));
  expect(WORDS6.map((word) => isSameAddress6(word, '2001:db8::a'))).toEqual(
    await shellSays('to_groups "$word" && is_same_address6 "$word" 2001:db8::a', WORDS6),
  );
  const prefixes = ['0', '1', '64', '128', '129', '064', '', '-1', '6 4'];
  expect(prefixes.map((prefix) => toSubnet6(`2001:db8::7/${prefix}`) !== null)).toEqual(
    await shellSays('is_prefix6 "$word"', prefixes),
  );
});

test('forms and qx-network agree on which addresses are in an IPv6 subnet', async () => {
  const others = ['2001:db8::1', '2001:db8:0:1::1', '2001:db8:ffff::', '2001:db9::1', '::8'];
  for (const prefix of [1, 16, 32, 33, 47, 48, 64, 127, 128]) {
    const said = await shellSays(`in_subnet6 "$word" 2001:db8::7 ${prefix}`, others);
    expect(others.map((other) => isInSubnet6(other, { address: '2001:db8::7', prefix }))).toEqual(
      said,
    );
  }
});

test('forms accept exactly the names, ports and numbers that qx-network accepts', async () => {
  const names = [
    ...['eth0', 'br-lan', 'a.b_c', '_', '-x', '.x', '', 'fifteen-letters', 'sixteen--letters'],
    ...['a b', 'a/b', 'é', '\x1b[2J', 'a\n'],
  ];
  expect(names.map(isInterfaceName)).toEqual(await shellSays('is_interface_name "$word"', names));
  const ports = ['', 'eth0', 'eth0,eth1', 'eth0,eth0', 'eth0,', ',eth0', 'eth0,a b', '$(x)'];
  expect(ports.map((text) => findPortsProblem(text) === null)).toEqual(
    await shellSays('set_ports "$word"', ports),
  );
  const numbers = ['0', '1', '7', '4094', '4095', '07', '', '-1', '1e3', '99999999999'];
  expect(numbers.map((number) => isNumber(number, 1, 4094))).toEqual(
    await shellSays('set_vlan_id "$word"', numbers),
  );
  const sizes = ['1279', '1280', '1500', '9216', '9217', '01500'];
  expect(sizes.map((size) => isNumber(size, 1280, 9216))).toEqual(
    await shellSays('set_mtu "$word"', sizes),
  );
});

test('forms accept exactly the routes that qx-network accepts', async () => {
  const routes = [
    ...['10.9.0.0/16 via 10.0.0.254', '10.9.0.1/16 via 10.0.0.254', '10.9.0.0/16 via 0.0.0.1'],
    ...['10.9.0.0/33 via 10.0.0.1', '10.9.0.0 via 10.0.0.1', '10.9.0.0/16 10.0.0.1', ''],
    ...['2001:db8:9::/48 via fe80::1', '2001:db8:9::1/48 via fe80::1', '10.9.0.7/32 via 10.0.0.1'],
    ...['2001:db8:9::/48 via 2001:db8::1', '2001:db8:9::/48 via 10.0.0.1', '::/0 via fe80::1'],
    ...[
      '10.9.0.0/16 via fe80::1',
      '10.9.0.0/16 via 10.0.0.1 dev eth0',
      '10.9.0.0/16  via 10.0.0.1',
    ],
  ];
  expect(routes.map(isRoute)).toEqual(await shellSays('is_route "$word"', routes));
});

test('forms accept exactly the host names and time servers that the programs accept', async () => {
  const names = [
    ...['node7', 'NODE-7', '7', '-a', 'a-', '', 'a.b', 'a b', 'a_b', 'é', 'a'.repeat(63)],
    ...[
      'a'.repeat(64),
      'ntp.example',
      'ntp.example.',
      '.a',
      'a..b',
      '-ntp.example',
      'ntp.7',
      '7.ntp',
    ],
    ...['10.0.0.9', '10.0.0', '2001:db8::9', 'fe80::1', '::1', '127.0.0.1', `${'a.'.repeat(126)}a`],
    ...[`${'a.'.repeat(127)}a`, 'a\nb', '$(x)', 'a,b'],
  ];
  expect(names.map(isHostName)).toEqual(await shellSays('is_host_name "$word"', names));
  const program = await readFile(join(PROJECT, 'overlay/common/usr/sbin/qx-time'), 'utf8');
  const [rule = ''] = /^is_time_server\(\) \{\n[\s\S]*?^\}\n/m.exec(program) ?? [];
  expect(names.map(isTimeServer)).toEqual(await shellSays(`is_time_server "$word"`, names, rule));
});
