import { expect } from 'vitest';
import { begin, expectInvariant, goDhcp, goStatic } from './world/story.ts';
import { test } from './world/test.ts';

test('a change for the session takes precedence until the next boot', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.serveDhcp();
  const eth0 = await goStatic(machine, 'eth0', { lan, host: 7 });
  const session = await machine.network('static', 'eth0', `${lan.host(8)}/24`, '--session');
  expect(session).toMatchObject({ status: 0, stdout: `eth0: ${lan.host(8)}/24` });
  expect((await machine.statusOf('eth0')).source).toBe('/etc/quantix/network/eth0.conf');
  expect((await machine.network('dhcp', 'eth0', '--session')).status).toBe(0);
  expect((await machine.network('apply', 'eth0')).status).toBe(0);
  expect((await machine.statusOf('eth0')).method).toBe('dhcp');
  await machine.cutPower();
  expect((await machine.network('apply', 'eth0')).status).toBe(0);
  await expectInvariant(machine, { eth0 });
});

test('a permanent change replaces a change for the session', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.serveDhcp();
  await machine.network('static', 'eth0', `${lan.host(8)}/24`, '--session');
  const eth0 = await goStatic(machine, 'eth0', { lan, host: 7 });
  expect(await machine.files()).toEqual(['/quantix/network/eth0.conf']);
  await machine.network('static', 'eth0', `${lan.host(8)}/24`, '--session');
  await goDhcp(machine, 'eth0', lan);
  expect(await machine.files()).toEqual([]);
  expect(eth0.method).toBe('static');
});

test('without persistent storage a change is for the session, and status says so', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await machine.succeed('umount /quantix; umount /quantix');
  const done = await machine.network('static', 'eth0', `${lan.host(7)}/24`);
  expect(done.status).toBe(0);
  expect(done.stderr).toMatch('lasts until the next boot');
  expect(await machine.files()).toEqual(['/etc/quantix/network/eth0.conf']);
  expect((await machine.status()).persistent).toBe(false);
  expect((await machine.network('status')).stdout).toMatch('until the next boot');
});

test('a read-only config drive is used, and can be overridden for the session', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.serveDhcp();
  await machine.write(
    '/quantix/network/static.conf',
    `IP_ADDRESS=${lan.host(7)}\nNETMASK=255.255.255.0\nGATEWAY=${lan.gateway}\nDNS=9.9.9.9\n`,
  );
  await machine.succeed('mount -o remount,ro,bind /quantix');
  expect((await machine.network('apply')).status).toBe(0);
  expect((await machine.statusOf('eth0')).source).toBe('/quantix/network/static.conf');
  expect((await machine.state('eth0')).addresses).toEqual([`${lan.host(7)}/24`]);
  expect((await machine.network('dhcp', 'eth0')).status).toBe(0);
  expect((await machine.statusOf('eth0')).source).toBe('/etc/quantix/network/eth0.conf');
});

test('static.conf is for the first physical interface, and is removed when that interface is set to DHCP', async () => {
  await using story = await begin();
  const { machine, lan, other } = story;
  await Promise.all([lan.serveDhcp(), other.serveDhcp()]);
  await machine.write(
    '/quantix/network/static.conf',
    `IP_ADDRESS=${lan.host(7)}\nPREFIX=24\nGATEWAY=${lan.gateway}`,
  );
  expect((await machine.network('apply')).status).toBe(0);
  await goDhcp(machine, 'eth1', other);
  expect((await machine.state('eth0')).addresses).toEqual([`${lan.host(7)}/24`]);
  const eth0 = await goDhcp(machine, 'eth0', lan);
  await expectInvariant(machine, { eth0, eth1: { method: 'dhcp', lan: other } });
});
