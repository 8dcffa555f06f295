import { expect } from 'vitest';
import { begin, expectInvariant, goDhcp, goStatic } from './world/story.ts';
import { test } from './world/test.ts';
import { until } from './world/until.ts';

for (const shell of ['ash', 'dash'] as const) {
  test(`after each of DHCP, static, DHCP, another static only that configuration is left (${shell})`, async () => {
    await using story = await begin(shell);
    const { machine, lan } = story;
    await lan.serveDhcp();
    const first = await goDhcp(machine, 'eth0', lan);
    await expectInvariant(machine, { eth0: first });
    const second = await goStatic(machine, 'eth0', { lan, host: 7, dns: ['9.9.9.9'] });
    await expectInvariant(machine, { eth0: second });
    const third = await goDhcp(machine, 'eth0', lan);
    await expectInvariant(machine, { eth0: third });
    const fourth = await goStatic(machine, 'eth0', { lan, host: 8, dns: ['8.8.4.4', '1.0.0.1'] });
    await expectInvariant(machine, { eth0: fourth });
    expect(await lan.reaches(lan.host(8))).toBe(true);
    expect(await lan.reaches(lan.host(7))).toBe(false);
  });

  test(`an address that another machine has is refused, and nothing changes (${shell})`, async () => {
    await using story = await begin(shell);
    const { machine, lan } = story;
    await lan.serveDhcp();
    const eth0 = await goDhcp(machine, 'eth0', lan);
    const before = await machine.state('eth0');
    await lan.occupy(lan.host(9));
    expect(await machine.network('static', 'eth0', `${lan.host(9)}/24`)).toEqual({
      status: 1,
      stdout: '',
      stderr: `qx-network: eth0: another machine has ${lan.host(9)}`,
    });
    expect(await machine.state('eth0')).toEqual(before);
    expect((await machine.statusOf('eth0')).problem).toBe(
      `eth0: another machine has ${lan.host(9)}`,
    );
    await lan.vacate(lan.host(9));
    await goDhcp(machine, 'eth0', lan);
    await expectInvariant(machine, { eth0 });
  });

  test(`DHCP clients that were started by hand are ended, those of other interfaces are not (${shell})`, async () => {
    await using story = await begin(shell);
    const { machine, lan } = story;
    await lan.plug(machine, 'eth01');
    await machine.succeed('ip link set eth0 up; ip link set eth01 up; ip link set eth1 up');
    machine.start('busybox', 'udhcpc', '-f', '-ieth0', '-s', '/bin/true');
    machine.start('udhcpc', '-f', '-s', '/bin/true');
    machine.start('udhcpc', '-fqi', 'eth0', '-t', '99', '-s', '/bin/true');
    machine.start('udhcpc', '-f', '--interface=eth0', '-s', '/bin/true');
    machine.start('udhcpc', '-f', '-i', 'eth01', '-p', 'eth0', '-s', '/bin/true');
    machine.start('udhcpc', '-f', '-i', 'eth1', '-x', 'hostname:eth0', '-s', '/bin/true');
    machine.start('unshare', '-n', 'udhcpc', '-f', '-i', 'eth0', '-s', '/bin/true');
    await until('all clients run', async () => (await machine.clients()).length >= 6 || undefined);
    const eth0 = await goStatic(machine, 'eth0', { lan, host: 7 });
    const left = (await machine.clients()).join('\n');
    expect(left).toMatch('-i eth01 ');
    expect(left).toMatch('-i eth1 ');
    expect(left).not.toMatch(/-f -s|-ieth0|-fqi|--interface/);
    expect((await machine.state('eth0')).addresses).toEqual([
      eth0.method === 'static' && eth0.address,
    ]);
  });

  test(`applying the same again changes nothing (${shell})`, async () => {
    await using story = await begin(shell);
    const { machine, lan, other } = story;
    await other.serveDhcp();
    const eth0 = await goStatic(machine, 'eth0', { lan, host: 7, dns: ['9.9.9.9'] });
    const eth1 = await goDhcp(machine, 'eth1', other);
    const clients = await machine.clients();
    await machine.succeed(
      '/sbin/ip -4 monitor address route </dev/null >/changes 2>&1 & echo $! >/monitor',
    );
    await goStatic(machine, 'eth0', { lan, host: 7, dns: ['9.9.9.9'] });
    await goDhcp(machine, 'eth1', other);
    expect((await machine.network('apply')).status).toBe(0);
    await machine.succeed('kill $(cat /monitor)');
    expect(await machine.read('/changes')).toBe('');
    expect(await machine.clients()).toEqual(clients);
    await expectInvariant(machine, { eth0, eth1 });
  });
}

test('a gateway that does not answer is a warning, not an error', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  const address = `${lan.host(7)}/24`;
  const args = ['--gateway', lan.host(250), '--dns', 'none'];
  expect(await machine.network('static', 'eth0', address, ...args)).toEqual({
    status: 0,
    stdout: `eth0: ${address}`,
    stderr: `qx-network: eth0: the gateway ${lan.host(250)} does not answer`,
  });
  expect((await machine.state('eth0')).routes).toMatchObject([{ gateway: lan.host(250) }]);
});

test('without carrier a static address is set, with a warning that it was not checked for conflicts', async () => {
  await using story = await begin();
  const { machine, lan, cable } = story;
  await lan.ip('link', 'set', cable, 'down');
  const done = await machine.network('static', 'eth0', `${lan.host(7)}/24`);
  expect(done).toMatchObject({ status: 0, stdout: `eth0: ${lan.host(7)}/24` });
  expect(done.stderr).toMatch('no carrier');
  await lan.ip('link', 'set', cable, 'up');
  await until('it is reached', async () => (await lan.reaches(lan.host(7))) || undefined);
});

test('if the configuration cannot be written, the previous state is restored', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  const eth0 = await goStatic(machine, 'eth0', { lan, host: 7, dns: ['9.9.9.9'] });
  const before = await machine.read('/quantix/network/eth0.conf');
  await machine.succeed('mount -o remount,size=8k /quantix; yes | dd of=/quantix/full bs=4k; :');
  expect(await machine.network('static', 'eth0', `${lan.host(8)}/24`)).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching('/quantix/network/eth0.conf: cannot be written') as string,
  });
  expect(await machine.read('/quantix/network/eth0.conf')).toBe(before);
  await machine.succeed('rm /quantix/full');
  expect((await machine.network('apply', 'eth0')).status).toBe(0);
  await expectInvariant(machine, { eth0 });
});

test('two changes of one interface at the same time come one after the other', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.serveDhcp();
  await Promise.all([
    machine.network('static', 'eth0', `${lan.host(7)}/24`, '--gateway', lan.gateway),
    machine.network('dhcp', 'eth0'),
    machine.network('static', 'eth0', `${lan.host(8)}/24`, '--gateway', lan.gateway),
  ]);
  const eth0 = await goDhcp(machine, 'eth0', lan);
  await expectInvariant(machine, { eth0 });
});

test('a DHCP client whose script hangs is ended together with its script', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await machine.write('/slow', '#!/bin/sh\nsleep 300\nip addr add 10.99.0.1/24 dev $interface\n');
  await machine.succeed('chmod 755 /slow; ip link set eth0 up');
  machine.start('udhcpc', '-f', '-i', 'eth0', '-s', '/slow');
  const running = async () =>
    (await machine.succeed('ps -o args | grep "[/]slow deconfig" || :')) !== '';
  await until('the script runs', async () => (await running()) || undefined);
  const eth0 = await goStatic(machine, 'eth0', { lan, host: 7 });
  expect(await running()).toBe(false);
  await expectInvariant(machine, { eth0 });
});

test('the lock of a change that was killed is taken over', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await machine.succeed(
    'mkdir -p /run/quantix/network/eth0; ln -s 99999 /run/quantix/network/eth0/lock',
  );
  await goStatic(machine, 'eth0', { lan, host: 7 });
});

test('an interrupted change restores the previous state', async () => {
  await using story = await begin('dash');
  const { machine, lan } = story;
  await lan.serveDhcp();
  const eth0 = await goStatic(machine, 'eth0', { lan, host: 7 });
  // A stand-in for ip that interrupts its caller when the new address is set.
  await machine.succeed('mv /usr/sbin/ip /usr/sbin/real-ip');
  const interrupt = `case "$*" in *"addr add ${lan.host(8)}/"*) kill -INT $PPID ;; esac`;
  const text = `#!/bin/sh\n${interrupt}\nexec /usr/sbin/real-ip "$@"\n`;
  await machine.write('/usr/sbin/ip', text);
  await machine.succeed('chmod 755 /usr/sbin/ip');
  expect((await machine.network('static', 'eth0', `${lan.host(8)}/24`)).status).toBe(130);
  await expectInvariant(machine, { eth0 });
  await machine.succeed('flock -n /run/quantix/network/eth0/lock true');
});

test('a hang-up does not stop a change half-way', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await machine.succeed(
    'qx-network static eth0 $1 --gateway $2 & p=$!; until [ -s /run/quantix/network/eth0/lock ]; do usleep 10000; done; kill -HUP $p; wait $p',
    `${lan.host(7)}/24`,
    lan.gateway,
  );
  await expectInvariant(machine, {
    eth0: { method: 'static', lan, address: `${lan.host(7)}/24`, dns: [] },
  });
});
