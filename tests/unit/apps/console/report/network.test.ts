import { expect, test } from 'vitest';
import type { Interface } from '../../../../../apps/api/network.ts';
import { describeMethod, listNetworkProblems } from '../../../../../apps/console/report/network.ts';
import { NETWORK } from '../../../../screens/machine.ts';

const [CARD] = NETWORK.interfaces;
const ETH0: Interface = { ...CARD!, dhcp: { pid: 7, lease: null } };

test('network problems are shown: rejected files, refused addresses, changes to confirm', () => {
  const network = { ...NETWORK, problems: [] };
  expect(listNetworkProblems({ ...network, interfaces: [ETH0] })).toEqual([]);
  const rejected = '/quantix/network/eth0.conf.rejected:1: not a line KEY=value';
  const taken = 'eth0: another machine has 10.0.0.7';
  const eth0 = { ...ETH0, confirm: 90, problem: taken };
  expect(listNetworkProblems({ ...network, problems: [rejected], interfaces: [eth0] })).toEqual([
    rejected,
    'eth0: undone in 90 s unless confirmed: qx-network confirm eth0',
    taken,
  ]);
});

test('a DHCP client that does not run is shown differently from a server that does not answer', () => {
  expect(describeMethod(ETH0)).toBe('DHCP, no answer yet');
  expect(describeMethod({ ...ETH0, dhcp: null })).toBe('DHCP, its client does not run');
});
