import { expect } from 'vitest';
import { begin, expectInvariant, goDhcp, goStatic } from './world/story.ts';
import { test } from './world/test.ts';
import { until } from './world/until.ts';

/** Triggers the renewal of a lease, at which a left-over DHCP client would set its address. */
const RENEW =
  'for p in /proc/[0-9]*; do grep -qx udhcpc $p/comm && kill -USR1 $(basename $p); done; :';

test('a static address is reachable after it is set, and stays so', async () => {
  await using story = await begin();
  const { machine, lan, other } = story;
  await lan.serveDhcp();
  await goDhcp(machine, 'eth0', lan);
  await machine.succeed('udhcpc -b -i eth0 -s /usr/lib/quantix/dhcp-hook; :');
  const eth0 = await goStatic(machine, 'eth0', { lan, host: 7 });
  expect(await machine.clients()).toEqual([]);
  await machine.succeed(RENEW);
  expect(await lan.reaches(lan.host(7))).toBe(true);
  await expectInvariant(machine, { eth0 });
  expect(await other.reaches(lan.host(7))).toBe(false);
});

test('after setting a static address replies leave through its interface, even if another is in the same subnet', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.plug(machine, 'eth2');
  const eth0 = await goStatic(machine, 'eth0', { lan, host: 7 });
  const address = `${lan.host(8)}/24`;
  const done = await machine.network('static', 'eth2', address, '--gateway', lan.gateway);
  expect(done).toEqual({
    status: 0,
    stdout: `eth2: ${address}`,
    stderr: `qx-network: eth2: ${address} overlaps with ${lan.host(7)}/24 of eth0; the kernel chooses which of them is used\nqx-network: eth2: there is no name server (--dns ADDRESS or none)`,
  });
  const eth2 = { method: 'static', lan, address, dns: [] } as const;
  expect((await machine.state('eth2')).routes).toHaveLength(1);
  await expectInvariant(machine, { eth0, eth2 });
});

test('setting a static address that exists already removes all old default routes', async () => {
  await using story = await begin();
  const { machine, lan, other } = story;
  await goStatic(machine, 'eth1', { lan: other, host: 9 });
  await machine.succeed(
    'ip link set eth0 up; ip addr add $1 dev eth0; for m in 0 5 700 4000; do ip route add default via $2 dev eth0 metric $m; done',
    `${lan.host(7)}/24`,
    lan.host(254),
  );
  await goStatic(machine, 'eth0', { lan, host: 7 });
  expect((await machine.state('eth0')).routes).toEqual([
    { gateway: lan.gateway, metric: expect.any(Number) as number },
  ]);
  expect((await machine.state('eth1')).routes).toHaveLength(1);
});

test('a static address that the kernel did not apply is an error, and the previous address is restored', async () => {
  await using story = await begin('dash');
  const { machine, lan } = story;
  const eth0 = await goStatic(machine, 'eth0', { lan, host: 7 });
  // A stand-in for ip that reports success for one address, without setting it.
  await machine.succeed('mv /usr/sbin/ip /usr/sbin/real-ip');
  const lie = `case "$*" in *"addr add ${lan.host(8)}/"*) exit 0 ;; esac`;
  await machine.write('/usr/sbin/ip', `#!/bin/sh\n${lie}\nexec /usr/sbin/real-ip "$@"\n`);
  await machine.succeed('chmod 755 /usr/sbin/ip');
  const refused = await machine.network('static', 'eth0', `${lan.host(8)}/24`, '--gateway=none');
  expect(refused).toEqual({
    status: 1,
    stdout: '',
    stderr: `qx-network: eth0: ${lan.host(8)}/24 is not there after setting it`,
  });
  expect((await machine.statusOf('eth0')).problem).toMatch('is not there after setting it');
  await machine.succeed('mv /usr/sbin/real-ip /usr/sbin/ip');
  expect((await machine.network('apply', 'eth0')).status).toBe(0);
  await expectInvariant(machine, { eth0 });
  expect(await lan.reaches(lan.host(7))).toBe(true);
});

test('after a return to DHCP no trace of the static address is left, now and after a restart', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.serveDhcp();
  await goStatic(machine, 'eth0', { lan, host: 7, dns: ['9.9.9.9'] });
  const eth0 = await goDhcp(machine, 'eth0', lan);
  const trace = async () =>
    await machine.succeed(
      'ip addr; ip route show table all; cat /etc/resolv.conf; grep -r . /quantix /etc/quantix /run/quantix; qx-network status; :',
    );
  expect(await trace()).not.toMatch(`${lan.host(7)}/`);
  expect(await trace()).not.toMatch('9.9.9.9');
  await expectInvariant(machine, { eth0 });
  await machine.cutPower();
  expect((await machine.network('apply', 'eth0')).status).toBe(0);
  await until('a lease', async () => (await machine.statusOf('eth0')).dhcp?.lease ?? undefined);
  expect(await trace()).not.toMatch(`${lan.host(7)}/`);
  await expectInvariant(machine, { eth0 });
});
