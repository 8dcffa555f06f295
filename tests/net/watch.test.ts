import { expect } from 'vitest';
import { begin, expectInvariant, type Story } from './world/story.ts';
import { test } from './world/test.ts';
import { until } from './world/until.ts';

/** Starts what the service starts at boot. */
function boot({ machine }: Story): void {
  machine.start('/usr/sbin/qx-network', 'watch');
}

async function untilAddress({ machine }: Story, name: string, count = 1): Promise<void> {
  await until(`${name} has ${count} addresses`, async () => {
    const [state, told] = await Promise.all([machine.state(name), machine.statusOf(name)]);
    return (state.addresses.length === count && told.method !== null) || undefined;
  });
}

test('at boot every physical interface is configured, and the first address is reported as a milestone', async () => {
  await using story = await begin();
  const { machine, lan, other } = story;
  await Promise.all([lan.serveDhcp(), other.serveDhcp()]);
  boot(story);
  await until('the milestone', async () => (await machine.read('/dev/kmsg')) || undefined);
  await untilAddress(story, 'eth0');
  await untilAddress(story, 'eth1');
  await until('two leases', async () => {
    const { interfaces } = await machine.status();
    return interfaces.every(({ dhcp, dns }) => dhcp?.lease && dns.length === 1) || undefined;
  });
  await expectInvariant(machine, {
    eth0: { method: 'dhcp', lan },
    eth1: { method: 'dhcp', lan: other },
  });
  expect(await machine.read('/dev/kmsg')).toMatch(/^<4>quantix: network \d+\.\d+$/);
});

test('an interface that appears after the boot is configured, also when it appears again', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await machine.write('/quantix/network/card.conf', `IP_ADDRESS=${lan.host(7)}\nPREFIX=24\n`);
  boot(story);
  await until(
    'the watch is there',
    async () => await machine.read('/run/quantix/network/monitor.pid'),
  );
  for (let times = 0; times < 2; times++) {
    await lan.plug(machine, 'card');
    await untilAddress(story, 'card');
    expect((await machine.state('card')).addresses).toEqual([`${lan.host(7)}/24`]);
    await machine.disappear('card');
  }
});

test('losing the carrier, or being taken down and up, loses no address and no route', async () => {
  await using story = await begin();
  const { machine, lan, other, cable } = story;
  await other.serveDhcp();
  const address = `${lan.host(7)}/24`;
  await machine.write(
    '/quantix/network/eth0.conf',
    `IP_ADDRESS=${lan.host(7)}\nPREFIX=24\nGATEWAY=${lan.gateway}\n`,
  );
  boot(story);
  await untilAddress(story, 'eth0');
  await untilAddress(story, 'eth1');
  const expected = {
    eth0: { method: 'static', lan, address, dns: [] },
    eth1: { method: 'dhcp', lan: other },
  } as const;
  const whole = () =>
    until('all is as it was', async () => {
      await expectInvariant(machine, expected);
      return true;
    });
  await whole();
  await lan.ip('link', 'set', cable, 'down');
  await until('no carrier', async () => !(await machine.statusOf('eth0')).carrier || undefined);
  await lan.ip('link', 'set', cable, 'up');
  await whole();
  await machine.succeed(
    'ip link set eth0 down; ip link set eth1 down; ip link set eth0 up; ip link set eth1 up',
  );
  await whole();
  await until('it is reached', async () => (await lan.reaches(lan.host(7))) || undefined);
});

test('a cable that is plugged in after the boot brings a lease at once', async () => {
  await using story = await begin();
  const { machine, lan, cable } = story;
  await lan.serveDhcp();
  await lan.ip('link', 'set', cable, 'down');
  boot(story);
  await until('the client runs', async () => (await machine.statusOf('eth0')).dhcp ?? undefined);
  await lan.ip('link', 'set', cable, 'up');
  await untilAddress(story, 'eth0');
});

test('a watch that was killed and is started again drops no address, and only the new watch listens', async () => {
  await using story = await begin();
  const { machine, lan, other, cable } = story;
  await Promise.all([lan.serveDhcp(), other.serveDhcp()]);
  boot(story);
  await untilAddress(story, 'eth0');
  await untilAddress(story, 'eth1');
  const before = await Promise.all([machine.state('eth0'), machine.state('eth1')]);
  const clients = (await machine.status()).interfaces.map(({ dhcp }) => dhcp?.pid);
  const listening = "ps -o pid,args | sed -n 's|^ *\\([0-9]*\\) /sbin/ip -o monitor link$|\\1|p'";
  const first = await machine.succeed(listening);
  await machine.succeed("kill -9 $(ps -o pid,args | awk '/[q]x-network watch/ { print $1 }')");
  boot(story);
  await until('a new monitor listens', async () => {
    const now = await machine.succeed(listening);
    return (/^\d+$/.test(now) && now !== first) || undefined;
  });
  expect(await Promise.all([machine.state('eth0'), machine.state('eth1')])).toEqual(before);
  expect((await machine.status()).interfaces.map(({ dhcp }) => dhcp?.pid)).toEqual(clients);
  await lan.ip('link', 'set', cable, 'down');
  await machine.succeed('ip addr flush dev eth0');
  await lan.ip('link', 'set', cable, 'up');
  await untilAddress(story, 'eth0');
});

test('an interface that disappears during its configuration is reported in plain words', async () => {
  await using story = await begin();
  const { machine } = story;
  await machine.succeed('rm /sys/class/net/eth1/flags /sys/class/net/eth1/ifindex');
  const { status, stderr } = await machine.network('apply', 'eth1');
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: 'qx-network: eth1: the link cannot be raised',
  });
});

test('interfaces that are not hardware are left alone, unless they are named', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await machine.succeed(
    'ip link add br0 type bridge; ln -s /kernel/devices/virtual/net/br0 /sys/class/net/br0',
  );
  expect((await machine.network('list')).stdout).toMatch(/^eth0 ethernet \S+\neth1 ethernet \S+$/);
  expect((await machine.network('apply')).status).toBe(0);
  expect(await machine.state('br0')).toEqual({ addresses: [], routes: [] });
  expect((await machine.network('static', 'br0', `${lan.host(7)}/24`)).status).toBe(0);
  expect(await machine.statusOf('br0')).toMatchObject({ kind: 'bridge', method: 'static' });
});

test('the service has commands that set a static address and go back to DHCP', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.serveDhcp();
  await machine.write('/usr/lib/rc/bin/service_started', '#!/bin/sh\n');
  await machine.succeed('chmod 755 /usr/lib/rc/bin/service_started');
  const service = (settings: string, command: string) =>
    machine.succeed(
      `export RC_SVCNAME=quantix-network ${settings}; sh /lib/rc/sh/openrc-run.sh /etc/init.d/quantix-network ${command}`,
    );
  const address = `${lan.host(7)}/24`;
  const settings = `QX_INTERFACE=eth0 QX_ADDRESS=${address} QX_GATEWAY=${lan.gateway} QX_DNS=9.9.9.9`;
  await service(settings, 'set_static');
  const eth0 = { method: 'static', lan, address, dns: ['9.9.9.9'] } as const;
  await expectInvariant(machine, { eth0 });
  await service('QX_INTERFACE=eth0', 'use_dhcp');
  await expectInvariant(machine, { eth0: { method: 'dhcp', lan } });
  await service('', 'reload');
  expect((await machine.status()).interfaces.map(({ method }) => method)).toEqual(['dhcp', 'dhcp']);
  expect(await service('', 'describe')).toMatch('set_static: Sets a static address');
});
