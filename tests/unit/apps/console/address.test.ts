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
import { PROJECT } from '../../profile/profiles.ts';

const ADDRESS = join(PROJECT, 'overlay/common/usr/lib/quantix/network/address.sh');

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

/** What qx-network's own functions say of words: yes or no for each. */
async function shellSays(check: string, words: readonly string[]): Promise<boolean[]> {
  const script = `. ${ADDRESS}; for word; do if ${check}; then echo yes; else echo no; fi; done`;
  const { stdout } = await execa('busybox', ['sh', '-c', script, 'sh', ...words]);
  return stdout.split('\n').map((line) => line === 'yes');
}

test('addresses that can be typed are those that qx-network takes', async () => {
  expect(WORDS.map(isHostAddress)).toEqual(await shellSays('is_host_address "$word"', WORDS));
  expect(WORDS.map(isNameServer)).toEqual(await shellSays('is_name_server "$word"', WORDS));
});

test('prefixes that can be typed are those that qx-network takes', async () => {
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

test('first and last addresses of subnets are the same for both', async () => {
  const said = await shellSays('is_subnet_end $(echo "$word" | tr / " ")', SUBNETS);
  expect(SUBNETS.map((text) => isSubnetEnd(toSubnet(text) ?? { address: '', prefix: 0 }))).toEqual(
    said,
  );
  expect(new Set(said).size).toBe(2);
});

test('both agree on who is in a subnet', async () => {
  for (const subnet of SUBNETS) {
    const [address = '', prefix = ''] = subnet.split('/');
    const others = ['10.0.0.1', '10.0.1.1', '192.168.7.255', '192.168.8.0', '10.0.0.3'];
    const said = await shellSays(`in_subnet "$word" ${address} ${prefix}`, others);
    expect(others.map((other) => isInSubnet(other, { address, prefix: Number(prefix) }))).toEqual(
      said,
    );
  }
});
