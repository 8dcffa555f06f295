import { expect } from 'vitest';
import { begin, expectInvariant, goDhcp, goStatic, type Story } from './world/story.ts';
import { test } from './world/test.ts';
import { until } from './world/until.ts';

// Bonds and VLANs are tested in tests/vm/guest-networks.ts: the kernel of a test machine may lack their modules, which a
// namespace cannot load.

function boot({ machine }: Story): void {
  machine.start('/usr/sbin/qx-network', 'watch');
}

/** Checks that a port has no address, route or DHCP client of its own. */
async function expectPort({ machine }: Story, port: string, master: string): Promise<void> {
  expect(await machine.state(port)).toEqual({ addresses: [], routes: [] });
  expect((await machine.clients()).join()).not.toMatch(`-i ${port} `);
  expect(await machine.statusOf(port)).toMatchObject({ master, method: null });
}

for (const shell of ['ash', 'dash'] as const) {
  test(`a bridge takes over the static address of its first port, and no connection notices (${shell})`, async () => {
    await using story = await begin(shell);
    const { machine, lan } = story;
    await machine.linkInSys('br0');
    await goStatic(machine, 'eth0', { lan, host: 7, dns: ['9.9.9.9'] });
    const silence = await lan.longestSilence(lan.host(7), async () => {
      expect(await machine.network('bridge', 'br0', 'eth0')).toMatchObject({
        status: 0,
        stdout: `br0: ${lan.host(7)}/24`,
      });
    });
    expect(silence).toBeLessThanOrEqual(1_000);
    const br0 = { method: 'static', lan, address: `${lan.host(7)}/24`, dns: ['9.9.9.9'] } as const;
    await expectInvariant(machine, { br0 });
    await expectPort(story, 'eth0', 'br0');
    expect(await machine.statusOf('br0')).toMatchObject({ kind: 'bridge', ports: ['eth0'] });
  });

  test(`a bridge takes over the lease of its first port, and no connection notices (${shell})`, async () => {
    await using story = await begin(shell);
    const { machine, lan } = story;
    await lan.serveDhcp();
    await machine.linkInSys('br0');
    const eth0 = await goDhcp(machine, 'eth0', lan);
    const [leased = ''] = (await machine.state('eth0')).addresses;
    const silence = await lan.longestSilence(leased.replace('/24', ''), async () => {
      expect(await machine.network('bridge', 'br0', 'eth0')).toMatchObject({
        status: 0,
        stdout: `br0: ${leased} by DHCP`,
      });
    });
    expect(silence).toBeLessThanOrEqual(1_000);
    expect((await machine.state('br0')).addresses).toEqual([leased]);
    expect((await machine.clients()).join()).toMatch('-i br0 ');
    await expectPort(story, 'eth0', 'br0');
    expect((await machine.network('remove', 'br0')).status).toBe(0);
    await until('the lease is eth0’s again', async () => {
      await expectInvariant(machine, { eth0 });
      return true;
    });
  });
}

test('removing a bridge permanently moves its configuration to its first port', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await machine.linkInSys('br0');
  await goStatic(machine, 'eth0', { lan, host: 7, dns: ['9.9.9.9'] });
  expect((await machine.network('bridge', 'br0', 'eth0')).status).toBe(0);
  const moved = await machine.network(
    'static',
    'br0',
    `${lan.host(8)}/24`,
    '--gateway',
    lan.gateway,
    '--dns',
    '9.9.9.9',
  );
  expect(moved).toMatchObject({ status: 0 });
  expect(await machine.network('remove', 'br0')).toMatchObject({
    status: 0,
    stdout: 'br0: removed',
  });
  const eth0 = { method: 'static', lan, address: `${lan.host(8)}/24`, dns: ['9.9.9.9'] } as const;
  await expectInvariant(machine, { eth0 });
  expect((await machine.sh('ip link show br0')).status).not.toBe(0);
});

test('a bridge that is removed while the watch handles its making stays removed', async () => {
  await using story = await begin();
  const { machine, lan, other } = story;
  await machine.linkInSys('br0');
  await Promise.all([lan.serveDhcp(), other.serveDhcp()]);
  boot(story);
  const sound = async () => {
    const method = 'dhcp' as const;
    await expectInvariant(machine, { eth0: { method, lan }, eth1: { method, lan: other } });
    return true;
  };
  await until('both have a lease', sound);
  for (let times = 0; times < 3; times++) {
    expect(await machine.network('bridge', 'br0', 'eth0')).toMatchObject({ status: 0 });
    expect(await machine.network('remove', 'br0')).toMatchObject({ status: 0 });
    await until('the lease is eth0’s again', sound);
    expect((await machine.sh('ip link show br0')).status).not.toBe(0);
  }
});

test('at boot bridges are made before their ports are configured, and a mistake in one leaves the others working', async () => {
  await using story = await begin();
  const { machine, lan, other } = story;
  await Promise.all([lan.serveDhcp(), other.serveDhcp()]);
  await machine.linkInSys('br0', 'br1', 'br2', 'bad');
  const folder = '/quantix/network';
  await machine.write(`${folder}/br0.conf`, 'TYPE=bridge\nPORTS=eth0,eth9\n');
  await machine.write(`${folder}/eth0.conf`, `IP_ADDRESS=${lan.host(9)}\nPREFIX=24\n`);
  await machine.write(`${folder}/br1.conf`, 'TYPE=bridge\nPORTS=\nMETHOD=off\nMETHOD6=off\n');
  await machine.write(`${folder}/br2.conf`, 'TYPE=bridge\nPORTS=eth0\nMETHOD=off\n');
  await machine.write(`${folder}/bad.conf`, 'TYPE=bridge\nPORTS=eth8\nMTU=lots\n');
  boot(story);
  const br0 = await until('br0 has a lease', async () => {
    const told = await machine.statusOf('br0');
    return told.dhcp?.lease ? told : undefined;
  });
  expect(br0).toMatchObject({ kind: 'bridge', ports: ['eth0', 'eth9'], problem: null });
  await until(
    'eth1 has a lease',
    async () => (await machine.statusOf('eth1')).dhcp?.lease ?? undefined,
  );
  await until('br1 is there', async () => (await machine.statusOf('br1')).method ?? undefined);
  await expectPort(story, 'eth0', 'br0');
  expect((await machine.statusOf('br1')).addresses).toEqual([]);
  expect((await machine.sh('qx-network apply br2')).stderr).toMatch('br2: eth0 is a port of br0');
  await lan.plug(machine, 'eth9');
  await until('eth9 is a port', async () => (await machine.statusOf('eth9')).master ?? undefined);
  await expectPort(story, 'eth9', 'br0');
});

test('a bridge made by other means has no DHCP client on its ports, and stays when it gets an address', async () => {
  await using story = await begin();
  const { machine, lan, cable } = story;
  await lan.serveDhcp();
  await machine.linkInSys('br0');
  boot(story);
  await until(
    'eth0 has a lease',
    async () => (await machine.statusOf('eth0')).dhcp?.lease ?? undefined,
  );
  await machine.succeed('/sbin/ip link add br0 type bridge; /sbin/ip link set eth0 master br0');
  await until(
    'its client is gone',
    async () => !(await machine.clients()).join().includes('-i eth0 ') || undefined,
  );
  const done = await machine.network(
    'static',
    'br0',
    `${lan.host(7)}/24`,
    '--gateway',
    lan.gateway,
  );
  expect(done).toMatchObject({ status: 0, stdout: `br0: ${lan.host(7)}/24` });
  expect(await lan.reaches(lan.host(7))).toBe(true);
  await lan.ip('link', 'set', cable, 'down');
  await until('no carrier', async () => !(await machine.statusOf('eth0')).carrier || undefined);
  await lan.ip('link', 'set', cable, 'up');
  await until('it is reached', async () => (await lan.reaches(lan.host(7))) || undefined);
  await expectPort(story, 'eth0', 'br0');
  expect(await machine.read('/quantix/network/br0.conf')).toMatch('TYPE=bridge\nPORTS=eth0');
});

test('a bridge on trial that nobody confirms is removed, and its port is as before', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await machine.linkInSys('br0');
  const eth0 = await goStatic(machine, 'eth0', { lan, host: 7 });
  boot(story);
  await until(
    'the watch is there',
    async () => await machine.read('/run/quantix/network/monitor.pid'),
  );
  const tried = await machine.network('bridge', 'br0', 'eth0', '--confirm', '10');
  expect(tried).toMatchObject({ status: 0 });
  expect((await machine.state('br0')).addresses).toEqual([`${lan.host(7)}/24`]);
  await until(
    'it is gone',
    async () => (await machine.sh('ip link show br0')).status !== 0 || undefined,
  );
  await until('eth0 is as it was', async () => {
    const { addresses } = await machine.state('eth0');
    return addresses.length === 1 || undefined;
  });
  expect((await machine.state('eth0')).addresses).toEqual([`${lan.host(7)}/24`]);
  expect(await machine.files()).toEqual(['/quantix/network/eth0.conf']);
  expect(eth0.method).toBe('static');
  expect((await machine.network('bridge', 'br0', 'eth0', '--confirm', '60')).status).toBe(0);
  expect((await machine.network('confirm', 'br0')).status).toBe(0);
  expect(await machine.files()).toEqual(['/quantix/network/br0.conf']);
});

test('an invalid bridge is refused, and nothing changes', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await machine.linkInSys('br0', 'br1');
  const eth0 = await goStatic(machine, 'eth0', { lan, host: 7 });
  const refused = async (told: string, ...args: string[]) => {
    const { status, stderr } = await machine.network(...args);
    expect({ status, stderr }).toEqual({ status: 1, stderr: `qx-network: ${told}` });
  };
  await refused('eth1: there is an interface of this name', 'bridge', 'eth1', 'eth0');
  await refused('br0: port eth0 is there twice', 'bridge', 'br0', 'eth0,eth0');
  await refused('not the name of an interface: a/b', 'bridge', 'a/b', 'eth0');
  await refused('nat is no bridge, bond or VLAN that is configured', 'remove', 'nat');
  await refused('br0: its port br0 is itself', 'bridge', 'br0', 'br0');
  await expectInvariant(machine, { eth0 });
  expect((await machine.network('bridge', 'br0', 'eth0')).status).toBe(0);
  await refused('br1: eth0 is a port of br0', 'bridge', 'br1', 'eth0');
  await refused('eth0 is a port of br0, which has the address: configure br0', 'dhcp', 'eth0');
  expect((await machine.sh('ip link show br1')).status).not.toBe(0);
});

test('an MTU that is set on a bridge takes effect at once, on its ports, too', async () => {
  await using story = await begin('ash');
  const { machine, lan } = story;
  await machine.linkInSys('br0');
  await goStatic(machine, 'eth0', { lan, host: 7, dns: [] });
  expect(await machine.network('bridge', 'br0', 'eth0')).toMatchObject({ status: 0 });
  for (const [given, mtu] of [
    ['1400', 1400],
    ['default', 1500],
  ] as const) {
    expect(await machine.network('mtu', 'br0', given)).toMatchObject({ status: 0 });
    expect(await machine.statusOf('br0')).toMatchObject({ mtu });
    expect(await machine.statusOf('eth0')).toMatchObject({ mtu });
  }
});

test('static routes and the MTU are stored, shown and removed', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await goStatic(machine, 'eth0', { lan, host: 7 });
  const eth1 = await goStatic(machine, 'eth1', { lan: story.other, host: 7 });
  const routes = `10.200.0.0/16 via ${lan.host(2)},10.201.7.0/24 via ${lan.host(3)}`;
  expect(await machine.network('routes', 'eth0', routes)).toMatchObject({ status: 0 });
  expect(await machine.statusOf('eth0')).toMatchObject({ routes: routes.split(',') });
  expect(await machine.network('mtu', 'eth0', '1400')).toMatchObject({ status: 0 });
  const present = () => machine.succeed('/sbin/ip route show dev eth0 proto static');
  expect(await present()).toMatch(/^10\.200\.0\.0\/16 via .*\n10\.201\.7\.0\/24 via /);
  expect(await machine.statusOf('eth0')).toMatchObject({ mtu: 1400 });
  await goStatic(machine, 'eth0', { lan, host: 8 });
  expect(await present()).toMatch(/^10\.200\.0\.0\/16 via /);
  await machine.cutPower();
  expect((await machine.network('apply')).status).toBe(0);
  expect(await present()).toMatch(/^10\.200\.0\.0\/16 via /);
  expect(await machine.statusOf('eth0')).toMatchObject({ mtu: 1400 });
  expect(await machine.network('routes', 'eth0', '10.200.0.0/16 via 10.77.7.7')).toMatchObject({
    status: 1,
  });
  expect(await present()).toMatch(/^10\.200\.0\.0\/16 via 10\.\d+\.0\.2 /);
  await machine.network('routes', 'eth0', 'none');
  await machine.network('mtu', 'eth0', 'default');
  expect(await present()).toBe('');
  await expectInvariant(machine, { eth0: await goStatic(machine, 'eth0', { lan, host: 8 }), eth1 });
  expect(await machine.statusOf('eth0')).toMatchObject({ mtu: 1500 });
});
