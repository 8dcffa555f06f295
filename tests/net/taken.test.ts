import { expect } from 'vitest';
import { Machine } from './world/machine.ts';
import { begin, expectInvariant, goStatic } from './world/story.ts';
import { makeTemplate } from './world/template.ts';
import { test } from './world/test.ts';
import { until } from './world/until.ts';

test('a stored address that another machine has at boot is reported, tried again, and used once it is free', async () => {
  await using story = await begin();
  const { machine, lan, cable } = story;
  const address = `${lan.host(9)}/24`;
  const text = `IP_ADDRESS=${lan.host(9)}\nPREFIX=24\nGATEWAY=${lan.gateway}\n`;
  await machine.write('/quantix/network/eth0.conf', text);
  await lan.occupy(lan.host(9));
  machine.start('/usr/sbin/qx-network', 'watch');
  const refusal = `eth0: another machine has ${lan.host(9)}`;
  await until('it is reported', async () => {
    return (await machine.statusOf('eth0')).problem === refusal || undefined;
  });
  const due = await until('it is to be tried again', () =>
    machine.read('/run/quantix/network/eth0/retry'),
  );
  const now = Number.parseInt((await machine.read('/proc/uptime')) ?? '', 10);
  expect(Number(due) - now).toBeLessThanOrEqual(65);
  expect((await machine.state('eth0')).addresses).toEqual([]);
  // Simulates that the minute is over.
  await machine.write('/run/quantix/network/eth0/retry', '0\n');
  await until('it was tried again', async () => {
    const again = (await machine.read('/run/quantix/network/eth0/retry')) ?? '';
    return (Number(again) > 0 && Number(again) !== Number(due)) || undefined;
  });
  await lan.vacate(lan.host(9));
  // An event of the network also triggers a try.
  await lan.ip('link', 'set', cable, 'down');
  await until('no carrier', async () => !(await machine.statusOf('eth0')).carrier || undefined);
  await lan.ip('link', 'set', cable, 'up');
  await until('the address is there', async () => {
    const { addresses, problem } = await machine.statusOf('eth0');
    return (addresses.length === 1 && problem === null) || undefined;
  });
  expect((await machine.state('eth0')).addresses).toEqual([address]);
});

test('a late answer to a conflict check counts, and a check that could not be sent is an error', async () => {
  await using story = await begin('dash');
  const { machine, lan } = story;
  const eth0 = await goStatic(machine, 'eth0', { lan, host: 7 });
  await using holder = await lan.neighbour(lan.host(9));
  const late =
    'echo 8 >/proc/sys/net/ipv4/conf/eth0/arp_ignore; sleep 1.4; echo 0 >/proc/sys/net/ipv4/conf/eth0/arp_ignore';
  const [, refused] = await Promise.all([
    holder.exec(['sh', '-c', late]),
    machine.network('static', 'eth0', `${lan.host(9)}/24`),
  ]);
  expect(refused).toMatchObject({ status: 1 });
  expect(refused.stderr).toMatch(`another machine has ${lan.host(9)}`);
  await machine.write('/usr/sbin/arping', '#!/bin/sh\nexit 2\n');
  const unasked = await machine.network('static', 'eth0', `${lan.host(8)}/24`);
  expect(unasked).toMatchObject({ status: 1, stdout: '' });
  expect(unasked.stderr).toMatch('it could not be checked');
  expect((await machine.state('eth0')).addresses).toEqual([
    eth0.method === 'static' && eth0.address,
  ]);
});

test('of two machines that set the same address at the same instant at most one gets it', async () => {
  await using story = await begin('dash');
  const { machine, lan } = story;
  await using template = await makeTemplate('dash');
  await using twin = await Machine.create(template.root);
  await lan.plug(twin, 'eth0');
  await twin.succeed('ip link set eth0 up');
  const address = `${lan.host(9)}/24`;
  const outcomes = await Promise.all(
    [machine, twin].map((one) => one.network('static', 'eth0', address, '--dns', 'none')),
  );
  const states = await Promise.all([machine.state('eth0'), twin.state('eth0')]);
  const holders = states.filter(({ addresses }) => addresses.includes(address));
  expect(holders.length).toBeLessThan(2);
  expect(outcomes.filter(({ status }) => status === 0)).toHaveLength(holders.length);
});

test('an address that was set without a cable is checked when the cable is plugged in, and removed if taken', async () => {
  await using story = await begin();
  const { machine, lan, cable } = story;
  await lan.ip('link', 'set', cable, 'down');
  await machine.network('static', 'eth0', `${lan.host(9)}/24`);
  await lan.occupy(lan.host(9));
  machine.start('/usr/sbin/qx-network', 'watch');
  await until('the watch is there', () => machine.read('/run/quantix/network/monitor.pid'));
  await until(
    'both are looked at',
    async () => (await machine.statusOf('eth1')).method ?? undefined,
  );
  await lan.ip('link', 'set', cable, 'up');
  await until('it is given back', async () => {
    const { addresses, problem } = await machine.statusOf('eth0');
    return (addresses.length === 0 && problem?.includes('another machine')) || undefined;
  });
});

test('an address that the machine has on another card is refused', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.plug(machine, 'eth2');
  const eth0 = await goStatic(machine, 'eth0', { lan, host: 7 });
  expect(await machine.network('static', 'eth2', `${lan.host(7)}/16`)).toEqual({
    status: 1,
    stdout: '',
    stderr: `qx-network: eth2: eth0 has ${lan.host(7)}`,
  });
  await expectInvariant(machine, { eth0 });
});
