import { expect } from 'vitest';
import { begin, expectInvariant, goStatic } from './world/story.ts';
import { test } from './world/test.ts';
import { until } from './world/until.ts';

test('a file that is set aside is reported by status and at boot until somebody replaces it', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await machine.write('/quantix/network/eth0.conf', '\ufeffMETHOD=dhcp\n');
  await machine.write('/quantix/network/eth7.conf', 'METHOD=dhcp\n');
  await machine.write('/dev/kmsg', '');
  await machine.network('apply', 'eth0');
  const rejected = '/quantix/network/eth0.conf.rejected';
  expect(await machine.read('/dev/kmsg')).toMatch('/quantix/network/eth0.conf: ');
  const problems = [
    `${rejected}:1: begins with a byte order mark (BOM): save the file as UTF-8 without one`,
    '/quantix/network/eth7.conf: there is no interface eth7',
  ];
  expect((await machine.status()).problems).toEqual(problems);
  expect((await machine.network('status')).stdout).toMatch(problems.join('\n'));
  await machine.write('/etc/os-release', 'NAME=Quantix-OS\nVERSION_ID=1\n');
  const issue = await machine.succeed('/usr/lib/quantix/issue');
  for (const problem of problems) expect(issue).toMatch(`\n  ${problem}\n`);
  await machine.cutPower();
  await machine.network('apply');
  expect((await machine.status()).problems).toEqual(problems);
  await machine.succeed('rm /quantix/network/eth7.conf');
  const eth0 = await goStatic(machine, 'eth0', { lan, host: 7 });
  expect((await machine.status()).problems).toEqual([]);
  expect((await machine.state('eth0')).addresses).toEqual([
    eth0.method === 'static' && eth0.address,
  ]);
});

test('each of several rejected files with the same name is reported', async () => {
  await using story = await begin();
  const { machine } = story;
  const names = [
    '/quantix/hostname.rejected-2',
    '/quantix/node/node.yaml.rejected',
    '/quantix/node/node.yaml.rejected-2',
  ];
  for (const name of names) await machine.write(name, 'nonsense\n');
  const told = names.map(
    (name) =>
      `${name}: set aside because it has a mistake; remove this file once the mistake is corrected`,
  );
  expect((await machine.status()).problems).toEqual(told);
});

test('the loopback interface cannot be configured, and ICMP redirects are ignored', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await machine.succeed('ln -s /kernel/devices/virtual/net/lo /sys/class/net/lo');
  for (const args of [
    ['dhcp', 'lo'],
    ['static', 'lo', '10.0.0.7/24'],
    ['apply', 'lo'],
  ]) {
    expect(await machine.network(...args)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching('lo: the loopback interface') as string,
    });
  }
  // A card that existed before the default was set.
  await machine.succeed('echo 1 >/proc/sys/net/ipv4/conf/eth0/accept_redirects');
  await goStatic(machine, 'eth0', { lan, host: 7 });
  await lan.plug(machine, 'late');
  const shown =
    'cd /proc/sys/net; cat ipv?/conf/eth0/accept_redirects ipv?/conf/late/accept_redirects';
  expect(await machine.succeed(shown)).toBe('0\n0\n0\n0');
});

test('of two default routes status shows the one in use, whose interface has a carrier', async () => {
  for (const shell of ['ash', 'dash'] as const) {
    await using story = await begin(shell);
    const { machine, lan, other, cable } = story;
    await goStatic(machine, 'eth0', { lan, host: 7 });
    await goStatic(machine, 'eth1', { lan: other, host: 7 });
    expect((await machine.status()).default).toBe('eth0');
    await lan.ip('link', 'set', cable, 'down');
    await until('the kernel uses the other one', async () => {
      const route = await machine.succeed('/sbin/ip route get 192.0.2.1');
      return route.includes('dev eth1') || undefined;
    });
    expect((await machine.status()).default).toBe('eth1');
  }
});

test('a wrong argument is reported without a file name', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await goStatic(machine, 'eth0', { lan, host: 7 });
  const { stderr } = await machine.network('static', 'eth0', `${lan.host(8)}/99`);
  expect(stderr).toBe('qx-network: eth0: not a prefix from 1 to 32: 99');
});

test('a change of only the address keeps gateway and name servers; missing ones are reported', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await goStatic(machine, 'eth0', { lan, host: 7, dns: ['9.9.9.9'] });
  const address = `${lan.host(8)}/24`;
  const eth0 = { method: 'static', lan, address, dns: ['9.9.9.9'] } as const;
  expect(await machine.network('static', 'eth0', address)).toEqual({
    status: 0,
    stdout: `eth0: ${address}`,
    stderr: '',
  });
  await expectInvariant(machine, { eth0 });
  const elsewhere = await machine.network('static', 'eth0', '192.0.2.7/24', '--dns', 'none');
  expect(elsewhere).toMatchObject({ status: 0 });
  expect(elsewhere.stderr).toMatch('eth0: there is no gateway, only 192.0.2.7/24 is reached');
  const bare = await machine.network('static', 'eth0', '192.0.2.8/24', '--gateway=none');
  expect(bare.stderr).toMatch('eth0: there is no name server');
});

test('after a change that fails the previous state is restored: routes of every table, labels', async () => {
  await using story = await begin('dash');
  const { machine, lan } = story;
  await goStatic(machine, 'eth0', { lan, host: 7 });
  await machine.succeed(
    `/sbin/ip addr add 192.0.2.9/24 brd 192.0.2.255 dev eth0 label eth0:old
     /sbin/ip route add 198.51.100.0/24 via 192.0.2.1 dev eth0 src 192.0.2.9 metric 7
     /sbin/ip route add 203.0.113.0/24 dev eth0 table 77
     /sbin/ip route add default via $1 dev eth0 table 77 proto static`,
    lan.gateway,
  );
  const shown = () =>
    machine.succeed(
      '/sbin/ip -4 -o addr show dev eth0; /sbin/ip -4 route show table all dev eth0 | sort; cat /etc/resolv.conf',
    );
  const before = await shown();
  await machine.succeed('mount -o remount,size=8k /quantix; yes | dd of=/quantix/full bs=4k; :');
  const refused = await machine.network('static', 'eth0', `${lan.host(8)}/24`);
  expect(refused).toMatchObject({ status: 1 });
  expect(await shown()).toBe(before);
});

test('an interruption after the configuration was written does not undo it: file and kernel agree', async () => {
  await using story = await begin('dash');
  const { machine, lan } = story;
  await goStatic(machine, 'eth0', { lan, host: 7 });
  await machine.succeed('mv /usr/bin/sync /usr/bin/real-sync');
  await machine.write('/usr/bin/sync', '#!/bin/sh\nkill -TERM $PPID\nexec busybox sync "$@"\n');
  await machine.succeed('chmod 755 /usr/bin/sync');
  const eth0 = await goStatic(machine, 'eth0', { lan, host: 8 });
  expect(await machine.read('/quantix/network/eth0.conf')).toMatch(lan.host(8));
  await expectInvariant(machine, { eth0 });
});

test('virtual functions and the USB network card of a BMC are configured only if a file names them', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await machine.succeed(
    `mkdir /sys/class/net/eth1/device/physfn
     echo DRIVER=cdc_ether >/sys/class/net/eth0/device/uevent`,
  );
  expect((await machine.network('list')).stdout).toBe('');
  await machine.network('apply');
  expect(await machine.clients()).toEqual([]);
  await machine.write('/quantix/network/eth1.conf', `IP_ADDRESS=${lan.host(7)}\nPREFIX=24\n`);
  expect((await machine.network('list')).stdout).toMatch(/^eth1 ethernet \S+$/);
  await machine.network('apply');
  expect((await machine.state('eth1')).addresses).toEqual([`${lan.host(7)}/24`]);
});

test('a line end in a WiFi name cannot add a line to the configuration', async () => {
  await using story = await begin();
  const { machine } = story;
  await machine.succeed('mkdir /sys/class/net/eth0/wireless');
  const refused = await machine.network('wifi', 'eth0', 'home\nIP_ADDRESS=10.0.0.1');
  expect(refused).toMatchObject({ status: 1 });
  expect(refused.stderr).toMatch('a WiFi name has no line ends');
  expect(await machine.files()).toEqual([]);
});

test('many simultaneous changes of one interface are made one after the other', async () => {
  await using story = await begin('dash');
  const { machine } = story;
  // Each process records that it holds the lock; a second holder at the same time would write /twice.
  await machine.write('/holders', '');
  const text =
    '. /usr/lib/quantix/network/lock.sh; complain() { :; }; lock /lock 30 || exit 1; [ ! -s /holders ] || echo two >>/twice; echo $$ >/holders; usleep 5000; : >/holders; unlock';
  await Promise.all(Array.from({ length: 22 }, () => machine.succeed(text)));
  expect(await machine.read('/twice')).toBeUndefined();
});

test('links in a circle are reported, and qx-network does not loop', async () => {
  await using story = await begin('dash');
  const { machine } = story;
  await machine.write('/quantix/network/br1.conf', 'TYPE=bridge\nPORTS=br2\nMETHOD=off\n');
  await machine.write('/quantix/network/br2.conf', 'TYPE=bridge\nPORTS=br1,eth0\nMETHOD=off\n');
  const { status, stderr } = await machine.network('apply', 'eth0');
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringMatching('needs itself') as string,
  });
  expect((await machine.network('apply', 'eth1')).status).toBe(0);
});
