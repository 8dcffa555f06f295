import { expect } from 'vitest';
import type { Machine } from './world/machine.ts';
import { begin, expectInvariant, goDhcp, goStatic } from './world/story.ts';
import { test } from './world/test.ts';
import { until } from './world/until.ts';

/** Makes the client renew its lease, as it would do after half of the lease's time. */
async function renew(machine: Machine): Promise<void> {
  await machine.succeed('kill -USR1 $(cat /run/quantix/network/eth0/udhcpc.pid)');
}

/** Seconds; udhcpc extends shorter leases to this. */
const SHORT_LEASE = 16;

/** Waits until eth0 has lost its address, routes and name servers. */
async function untilGone(machine: Machine): Promise<void> {
  await until('address, route and name servers are gone', async () => {
    const [{ addresses, routes }, servers] = await Promise.all([
      machine.state('eth0'),
      machine.nameServers(),
    ]);
    return addresses.length + routes.length + servers.length === 0 || undefined;
  });
}

test('of two interfaces with DHCP one has the preferred default route and the first name server', async () => {
  await using story = await begin();
  const { machine, lan, other } = story;
  await Promise.all([lan.serveDhcp(), other.serveDhcp()]);
  const eth1 = await goDhcp(machine, 'eth1', other);
  const eth0 = await goDhcp(machine, 'eth0', lan);
  await expectInvariant(machine, { eth0, eth1 });
  expect((await machine.status()).default).toBe('eth0');
  expect(await machine.nameServers()).toEqual([lan.gateway, other.gateway]);
});

test('without a DHCP server the client keeps asking, and takes the lease when one comes', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await goStatic(machine, 'eth0', { lan, host: 7 });
  const done = await machine.network('dhcp', 'eth0');
  expect(done).toMatchObject({ status: 0, stdout: '' });
  expect(done.stderr).toMatch('no DHCP server has answered yet');
  expect(await machine.state('eth0')).toEqual({ addresses: [], routes: [] });
  await lan.serveDhcp();
  await until('a lease', async () => (await machine.statusOf('eth0')).dhcp?.lease ?? undefined);
  await expectInvariant(machine, { eth0: { method: 'dhcp', lan } });
});

test('while the DHCP server is away the lease stays; when it is back the lease is renewed', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.serveDhcp({ lease: 3600 });
  const eth0 = await goDhcp(machine, 'eth0', lan);
  const before = await machine.state('eth0');
  await lan.stopDhcp();
  await renew(machine);
  await expectInvariant(machine, { eth0 });
  await lan.serveDhcp({ lease: 1800 });
  await until('the lease is renewed', async () => {
    await renew(machine);
    return (await machine.statusOf('eth0')).dhcp?.lease?.seconds === 1800 || undefined;
  });
  expect((await machine.state('eth0')).routes).toEqual(before.routes);
  await expectInvariant(machine, { eth0 });
});

test('when a lease expires, address, route and name servers are removed; they come back with the server', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.serveDhcp({ lease: SHORT_LEASE });
  const eth0 = await goDhcp(machine, 'eth0', lan);
  await lan.stopDhcp();
  await untilGone(machine);
  expect(await machine.statusOf('eth0')).toMatchObject({ method: 'dhcp', dhcp: { lease: null } });
  await lan.serveDhcp();
  await until('a lease', async () => (await machine.statusOf('eth0')).dhcp?.lease ?? undefined);
  await expectInvariant(machine, { eth0 });
});

test('a change that fails while the DHCP server is away restores the lease until it expires', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.serveDhcp({ lease: SHORT_LEASE });
  const eth0 = await goDhcp(machine, 'eth0', lan);
  const before = await machine.state('eth0');
  await lan.stopDhcp();
  await machine.succeed('mount -o remount,size=8k /quantix; yes | dd of=/quantix/full bs=4k; :');
  const refused = await machine.network('static', 'eth0', `${lan.host(8)}/24`);
  expect(refused).toMatchObject({ status: 1 });
  expect(refused.stderr).toMatch('cannot be written');
  await machine.succeed('rm /quantix/full');
  expect(await machine.state('eth0')).toEqual(before);
  expect(await machine.nameServers()).toEqual([lan.gateway]);
  await untilGone(machine);
  await lan.serveDhcp();
  await until('a lease', async () => (await machine.statusOf('eth0')).dhcp?.lease ?? undefined);
  expect((await machine.network('apply', 'eth0')).status).toBe(0);
  await expectInvariant(machine, { eth0 });
});

test('a refused lease (NAK) is given up, and a new one taken', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.serveDhcp();
  const eth0 = await goDhcp(machine, 'eth0', lan);
  const [old] = (await machine.state('eth0')).addresses;
  await lan.serveDhcpStrictly([lan.host(155), lan.host(159)]);
  await renew(machine);
  await until('another address is there', async () => {
    const { addresses } = await machine.state('eth0');
    return (addresses.length === 1 && addresses[0] !== old) || undefined;
  });
  await until('the lease is reported', async () => {
    const { dhcp } = await machine.statusOf('eth0');
    return dhcp?.lease?.address.startsWith(lan.host(15)) || undefined;
  });
  await expectInvariant(machine, { eth0 });
});

test('values from a DHCP server are validated', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.serveDhcp({
    options: {
      dns: '0.0.0.0 9.9.9.9 255.255.255.255',
      domain: '$(reboot)',
      hostname: 'a;reboot',
    },
  });
  await machine.network('dhcp', 'eth0');
  expect(await machine.nameServers()).toEqual(['9.9.9.9']);
  expect(await machine.read('/etc/resolv.conf')).not.toMatch('search');
  expect((await machine.status()).hostname).toBe('quantix');
  await lan.serveDhcp({ options: { subnet: '255.0.255.0' } });
  expect((await machine.network('static', 'eth0', `${lan.host(7)}/24`)).status).toBe(0);
  expect((await machine.network('dhcp', 'eth0')).stderr).toMatch('no DHCP server has answered');
  expect((await machine.state('eth0')).addresses).toEqual([]);
});

test('the host name and domain of a DHCP server are used if the operator set none', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.serveDhcp({ options: { hostname: 'rack7', domain: 'example.org' } });
  await goDhcp(machine, 'eth0', lan);
  expect((await machine.status()).hostname).toBe('rack7');
  expect(await machine.read('/etc/resolv.conf')).toMatch(/^search example\.org$/m);
  await machine.write('/quantix/hostname', 'mine\n');
  await machine.succeed('hostname mine');
  await goStatic(machine, 'eth0', { lan, host: 7 });
  await goDhcp(machine, 'eth0', lan);
  expect((await machine.status()).hostname).toBe('mine');
});

test('a gateway outside the leased subnet is used, as some clouds have it', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.serveDhcp({ options: { subnet: '255.255.255.255' } });
  await machine.network('dhcp', 'eth0');
  const { addresses, routes } = await machine.state('eth0');
  expect(addresses[0]).toMatch(/\/32$/);
  expect(routes).toMatchObject([{ gateway: lan.gateway }]);
});

test('the hook of a DHCP client that qx-network did not start changes nothing', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.serveDhcp();
  const eth0 = await goStatic(machine, 'eth0', { lan, host: 7 });
  await machine.succeed('udhcpc -q -n -i eth0 -s /usr/lib/quantix/dhcp-hook');
  await expectInvariant(machine, { eth0 });
});
