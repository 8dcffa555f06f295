import { expect } from 'vitest';
import type { Machine } from './world/machine.ts';
import { begin, goDhcp } from './world/story.ts';
import { test } from './world/test.ts';
import { until } from './world/until.ts';

/** Seconds; udhcpc extends shorter leases to this. */
const SHORT_LEASE = 16;

const CLIENT = '/run/quantix/network/eth0/udhcpc.pid';

/** Records udhcpc's calls of its hook in /events. */
async function noteEvents(machine: Machine): Promise<void> {
  const text = '#!/bin/sh\necho "$1" >>/events\nexec /usr/lib/quantix/real-hook "$@"\n';
  await machine.succeed('mv /usr/lib/quantix/dhcp-hook /usr/lib/quantix/real-hook');
  await machine.write('/usr/lib/quantix/dhcp-hook', text);
  await machine.succeed('chmod 755 /usr/lib/quantix/dhcp-hook');
}

/** Waits until udhcpc has reported an event this many times. */
async function untilEvent(machine: Machine, event: string, times: number): Promise<void> {
  await until(`udhcpc tells ${event} ${times} times`, async () => {
    const events = ((await machine.read('/events')) ?? '').split('\n');
    return events.filter((one) => one === event).length >= times || undefined;
  });
}

test('a lease survives an unplugged cable and a silent server until it expires', async () => {
  await using story = await begin();
  const { machine, lan, cable } = story;
  await noteEvents(machine);
  await lan.serveDhcp({ lease: 3600 });
  await goDhcp(machine, 'eth0', lan);
  const before = await machine.state('eth0');
  machine.start('/usr/sbin/qx-network', 'watch');
  await until('the watch is there', () => machine.read('/run/quantix/network/monitor.pid'));
  await lan.stopDhcp();
  // The watch does not make a client renew its lease right after its start, so this makes the client look older.
  await machine.succeed(`touch -d @1 ${CLIENT}`);
  await lan.ip('link', 'set', cable, 'down');
  await until('no carrier', async () => !(await machine.statusOf('eth0')).carrier || undefined);
  expect(await machine.state('eth0')).toEqual(before);
  await lan.ip('link', 'set', cable, 'up');
  await untilEvent(machine, 'deconfig', 2);
  await untilEvent(machine, 'leasefail', 1);
  expect(await machine.state('eth0')).toEqual(before);
  expect(await machine.nameServers()).toEqual([lan.gateway]);
  expect(await machine.statusOf('eth0')).toMatchObject({ dhcp: { lease: {} }, problem: null });
});

test('a killed DHCP client is restarted, and the address stays meanwhile', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.serveDhcp();
  await goDhcp(machine, 'eth0', lan);
  machine.start('/usr/sbin/qx-network', 'watch');
  const pid = (await machine.read(CLIENT)) ?? '';
  await machine.succeed(
    '/sbin/ip -4 monitor address </dev/null >/changes 2>&1 & echo $! >/monitor',
  );
  await machine.succeed('kill -9 $1', pid);
  await until('another client runs', async () => {
    const { dhcp } = await machine.statusOf('eth0');
    return (dhcp !== null && String(dhcp.pid) !== pid) || undefined;
  });
  expect(await machine.read('/changes')).not.toMatch(/Deleted .*eth0/);
  expect(await machine.statusOf('eth0')).toMatchObject({ dhcp: { lease: {} }, problem: null });
});

test('if no DHCP client runs, the kernel removes the address when the lease expires', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.serveDhcp({ lease: SHORT_LEASE });
  await goDhcp(machine, 'eth0', lan);
  await machine.succeed(`kill -9 $(cat ${CLIENT})`);
  expect((await machine.statusOf('eth0')).problem).toMatch('the DHCP client does not run');
  await until('the address is gone', async () => {
    const { addresses, routes } = await machine.state('eth0');
    return addresses.length + routes.length === 0 || undefined;
  });
  expect(await machine.statusOf('eth0')).toMatchObject({ method: 'dhcp', addresses: [] });
  machine.start('/usr/sbin/qx-network', 'watch');
  await until('a client runs', async () => (await machine.statusOf('eth0')).dhcp ?? undefined);
  await until('a lease', async () => (await machine.statusOf('eth0')).dhcp?.lease ?? undefined);
});

test('routes, MTU, domains and time servers of a lease are used, and removed with the lease', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  const routes = `10.77.0.0/16 ${lan.host(254)}, 0.0.0.0/0 ${lan.host(253)}, 10.78.0.1/32 ${lan.host(252)}`;
  const options = {
    staticroutes: routes,
    mtu: '1400',
    search: 'a.example b.example',
    domain: 'c.example',
    ntpsrv: `${lan.host(251)} 0.0.0.0`,
    hostname: 'rack7.example.org',
  };
  await lan.serveDhcp({ options });
  await machine.network('dhcp', 'eth0');
  const shown = () => machine.succeed('/sbin/ip -4 route; cat /sys/class/net/eth0/mtu');
  // Option 3 is present, too, but is ignored if option 121 is present.
  expect((await machine.state('eth0')).routes).toMatchObject([{ gateway: lan.host(253) }]);
  expect(await shown()).toMatch(`10.77.0.0/16 via ${lan.host(254)} dev eth0`);
  expect(await shown()).toMatch(`10.78.0.1 via ${lan.host(252)} dev eth0`);
  expect(await shown()).toMatch(/\n1400$/);
  expect(await machine.read('/etc/resolv.conf')).toMatch(/^search a\.example b\.example$/m);
  expect(await machine.read('/run/quantix/ntp/eth0.sources')).toBe(
    `server ${lan.host(251)} iburst`,
  );
  expect((await machine.status()).hostname).toBe('rack7');
  expect(await machine.read('/etc/hosts')).toMatch(/^127\.0\.1\.1\track7$/m);
  await lan.serveDhcp({ options: { hostname: 'localhost' } });
  await machine.succeed(`kill -USR1 $(cat ${CLIENT})`);
  await until('the route is gone', async () => !(await shown()).includes('10.77.') || undefined);
  await until(
    'the lease is reported',
    async () =>
      /NAME=$/m.test((await machine.read('/run/quantix/network/eth0/lease')) ?? '') || undefined,
  );
  expect((await machine.state('eth0')).routes).toMatchObject([{ gateway: lan.gateway }]);
  expect(await shown()).toMatch(/\n1500$/);
  expect(await machine.read('/run/quantix/ntp/eth0.sources')).toBeUndefined();
  expect((await machine.status()).hostname).toBe('rack7');
});

test('of two cards with leases one decides the host name, however often they renew', async () => {
  await using story = await begin();
  const { machine, lan, other } = story;
  await lan.serveDhcp({ options: { hostname: 'first' } });
  await other.serveDhcp({ options: { hostname: 'second' } });
  await goDhcp(machine, 'eth1', other);
  expect((await machine.status()).hostname).toBe('second');
  await goDhcp(machine, 'eth0', lan);
  expect((await machine.status()).hostname).toBe('first');
  await noteEvents(machine);
  await machine.succeed('kill -USR1 $(cat /run/quantix/network/eth1/udhcpc.pid)');
  await untilEvent(machine, 'renew', 1);
  await goDhcp(machine, 'eth1', other);
  expect((await machine.status()).hostname).toBe('first');
});

test('a lease without a netmask gets that of its address class', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.serveDhcp({ options: { subnet: '' } });
  expect((await machine.network('dhcp', 'eth0')).stdout).toMatch(/10\.\S+\/8 by DHCP$/);
});

test('an address that another machine has is declined, and another one taken', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await using _holder = await lan.neighbour(lan.host(155));
  await lan.serveDhcpStrictly([lan.host(155), lan.host(156)]);
  await machine.network('dhcp', 'eth0');
  await until('the free address', async () => {
    const { addresses } = await machine.state('eth0');
    return addresses.includes(`${lan.host(156)}/24`) || undefined;
  });
});

test('an address whose owner answers late is given back, and another one taken', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await using holder = await lan.neighbour(lan.host(155));
  const answer = (how: string) =>
    holder.exec(['sh', '-c', `echo ${how} >/proc/sys/net/ipv4/conf/eth0/arp_ignore`]);
  await answer('8');
  // The hook's second check waits until the owner of the address answers, however slow this machine is.
  const wait = 'until [ -e /answers ]; do usleep 50000; done';
  await machine.succeed(
    `sed -i '/^verify_lease() {$/a ${wait}' /usr/lib/quantix/dhcp-hook && grep -q /answers /usr/lib/quantix/dhcp-hook`,
  );
  await lan.serveDhcpStrictly([lan.host(155), lan.host(155)]);
  await goDhcp(machine, 'eth0', lan);
  await answer('0');
  await machine.write('/answers', '');
  await until('it is reported', async () => {
    const { problem } = await machine.statusOf('eth0');
    return problem?.includes(`an address that another machine has: ${lan.host(155)}`) || undefined;
  });
  expect((await machine.state('eth0')).addresses).toEqual([]);
  await lan.serveDhcpStrictly([lan.host(157), lan.host(157)]);
  await until('the free address', async () => {
    const { addresses } = await machine.state('eth0');
    return addresses.includes(`${lan.host(157)}/24`) || undefined;
  });
  expect((await machine.statusOf('eth0')).problem).toBeNull();
});

test('a hook that is killed half-way leaves no partly applied lease', async () => {
  await using story = await begin('dash');
  const { machine, lan } = story;
  await lan.serveDhcp();
  // A stand-in for ip that kills its caller once, when the address is set.
  await machine.succeed('mv /usr/sbin/ip /usr/sbin/real-ip');
  const cut =
    'case "$*" in "addr replace"*) [ ! -e /cut ] || { rm /cut; real-ip "$@"; kill -9 $PPID; } ;; esac';
  await machine.write('/usr/sbin/ip', `#!/bin/sh\n${cut}\nexec /usr/sbin/real-ip "$@"\n`);
  await machine.succeed('chmod 755 /usr/sbin/ip');
  await machine.write('/cut', '');
  machine.start('/usr/sbin/qx-network', 'watch');
  await until('the hook was killed', async () => {
    return (await machine.read('/cut')) === undefined || undefined;
  });
  await until('the lease is whole', async () => {
    const { dhcp, gateway, dns } = await machine.statusOf('eth0');
    return (dhcp?.lease && gateway === lan.gateway && dns.length === 1) || undefined;
  });
});
