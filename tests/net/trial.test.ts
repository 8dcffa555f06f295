import { expect } from 'vitest';
import type { Machine } from './world/machine.ts';
import { begin, goStatic } from './world/story.ts';
import { test } from './world/test.ts';
import { until } from './world/until.ts';

/** System calls with which a shell starts a program. */
const FORKS = '?fork,?vfork,clone,?clone3';

const TRIAL = '/run/quantix/network/eth0/trial';

async function watch(machine: Machine): Promise<void> {
  machine.start('/usr/sbin/qx-network', 'watch');
  await until('the watch is there', () => machine.read('/run/quantix/network/monitor.pid'));
}

/** Simulates that the time of a trial is over. */
async function elapse(machine: Machine): Promise<void> {
  await machine.succeed(`sed -i 's/^[0-9]*/0/' ${TRIAL}`);
}

async function untilAddress(machine: Machine, address: string): Promise<void> {
  await until(`the address is ${address}`, async () => {
    const [state, told] = await Promise.all([machine.state('eth0'), machine.statusOf('eth0')]);
    return (state.addresses.join() === address && told.confirm === null) || undefined;
  });
}

test('a change that is confirmed in time stays, now and after a restart', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await goStatic(machine, 'eth0', { lan, host: 7 });
  await watch(machine);
  const address = `${lan.host(8)}/24`;
  const done = await machine.network('static', 'eth0', address, '--confirm', '600');
  expect(done).toMatchObject({ status: 0 });
  expect(done.stdout).toMatch('undone in 600 s unless confirmed: qx-network confirm eth0');
  expect((await machine.statusOf('eth0')).confirm).toBeGreaterThan(500);
  expect(await machine.read('/quantix/network/eth0.conf')).toMatch(lan.host(7));
  expect(await machine.network('confirm')).toMatchObject({ status: 0, stdout: 'eth0: confirmed' });
  expect((await machine.statusOf('eth0')).confirm).toBeNull();
  expect(await machine.files()).toEqual(['/quantix/network/eth0.conf']);
  expect(await machine.network('confirm')).toMatchObject({ status: 1 });
  await machine.cutPower();
  await machine.network('apply', 'eth0');
  expect((await machine.state('eth0')).addresses).toEqual([address]);
  expect((await machine.state('eth0')).routes).toMatchObject([{ gateway: lan.gateway }]);
});

test('a change that nobody confirms is undone, even if the process that made it was killed', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await goStatic(machine, 'eth0', { lan, host: 7 });
  await watch(machine);
  await machine.network('static', 'eth0', `${lan.host(8)}/24`, '--confirm', '600');
  await machine.network('dhcp', 'eth0', '--confirm=700');
  expect((await machine.statusOf('eth0')).method).toBe('dhcp');
  await elapse(machine);
  await untilAddress(machine, `${lan.host(7)}/24`);
  const wanted = `${lan.host6('7')}/64`;
  expect(await machine.network('ipv6', 'eth0', wanted, '--confirm', '600')).toMatchObject({
    status: 0,
  });
  expect(await machine.addresses6('eth0')).toEqual([wanted]);
  await elapse(machine);
  await until('IPv6 is what it was', async () => {
    const { ipv6, confirm } = await machine.statusOf('eth0');
    return (ipv6.method === 'auto' && confirm === null) || undefined;
  });
  expect(await machine.addresses6('eth0')).not.toContain(wanted);
  // The process that makes the change is killed when it starts its `at`-th program.
  for (const at of [12, 24, 36]) {
    const kill = `inject=${FORKS}:signal=KILL:when=${at}`;
    const traced = ['strace', '-o', '/dev/null', '-e', `trace=${FORKS}`, '-e', kill];
    const args = ['eth0', `${lan.host(8)}/24`, '--confirm', '600'];
    expect((await machine.networkBy(traced, 'static', ...args)).status).not.toBe(0);
    if ((await machine.read(TRIAL)) !== undefined) await elapse(machine);
    await untilAddress(machine, `${lan.host(7)}/24`);
  }
  expect(await machine.read('/quantix/network/eth0.conf')).toMatch(lan.host(7));
});

test('a restart undoes a change that was not confirmed', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await goStatic(machine, 'eth0', { lan, host: 7 });
  await watch(machine);
  await machine.network('static', 'eth0', `${lan.host(8)}/24`, '--confirm', '600');
  await machine.cutPower();
  await machine.network('apply', 'eth0');
  expect((await machine.state('eth0')).addresses).toEqual([`${lan.host(7)}/24`]);
});

test('a refused change does not end a trial, and a permanent change does', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await goStatic(machine, 'eth0', { lan, host: 7 });
  expect(await machine.network('dhcp', 'eth0', '--confirm', '600')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching('quantix-network does not run') as string,
  });
  for (const wrong of ['9', '86401', 'x', '-1', '']) {
    expect(await machine.network('dhcp', 'eth0', '--confirm', wrong)).toMatchObject({ status: 1 });
  }
  await watch(machine);
  await lan.occupy(lan.host(9));
  const taken = await machine.network('static', 'eth0', `${lan.host(9)}/24`, '--confirm', '60');
  expect(taken).toMatchObject({ status: 1 });
  expect((await machine.statusOf('eth0')).confirm).toBeNull();
  await machine.network('static', 'eth0', `${lan.host(8)}/24`, '--confirm', '600');
  await machine.network('static', 'eth0', `${lan.host(9)}/24`);
  expect((await machine.statusOf('eth0')).confirm).toBeGreaterThan(500);
  const eth0 = await goStatic(machine, 'eth0', { lan, host: 10 });
  expect((await machine.statusOf('eth0')).confirm).toBeNull();
  expect((await machine.state('eth0')).addresses).toEqual([
    eth0.method === 'static' && eth0.address,
  ]);
});

test('a configuration on standard input is applied as a whole, also on trial, or refused with the reason', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await goStatic(machine, 'eth0', { lan, host: 7 });
  await watch(machine);
  const configure = (lines: string, ...args: string[]) =>
    machine.by([], ['/usr/sbin/qx-network', 'configure', 'eth0', ...args], lines);
  const wanted = [`IP_ADDRESS=${lan.host(8)}`, 'PREFIX=24', `GATEWAY=${lan.gateway}`, 'MTU=1400'];
  const done = await configure(wanted.join('\n'), '--confirm', '600');
  expect(done).toMatchObject({ status: 0, stderr: '' });
  expect(await machine.statusOf('eth0')).toMatchObject({ method: 'static', mtu: 1400, dns: [] });
  expect((await machine.state('eth0')).addresses).toEqual([`${lan.host(8)}/24`]);
  await elapse(machine);
  await untilAddress(machine, `${lan.host(7)}/24`);
  const { mtu } = await machine.statusOf('eth0');
  expect(mtu).toBe(1500);
  for (const [lines, complaint] of [
    ['METHOD=dhcp\nCOLOUR=red', /settings:2: unknown key/],
    ['METHOD=dhcp\nGATEWAY=10.0.0.1', /settings: METHOD=dhcp together with/],
    ['METHOD=dhcp\0', /settings:1:/],
    [`#${'x'.repeat(5000)}`, /settings: larger than/],
    ['TYPE=bond', /settings: TYPE=bond without PORTS/],
  ] as const) {
    const refused = await configure(lines, '--confirm', '600');
    expect(refused).toMatchObject({ status: 1 });
    expect(refused.stderr).toMatch(complaint);
  }
  expect((await machine.state('eth0')).addresses).toEqual([`${lan.host(7)}/24`]);
  expect(await configure('')).toMatchObject({ status: 0 });
  expect((await machine.statusOf('eth0')).method).toBe('dhcp');
  expect(await machine.files()).toEqual([]);
});

test('a bridge that is configured on standard input stays a bridge', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await goStatic(machine, 'eth0', { lan, host: 7 });
  await machine.linkInSys('br0');
  const configure = (lines: string) =>
    machine.by([], ['/usr/sbin/qx-network', 'configure', 'br0'], lines);
  const bridge = 'TYPE=bridge\nPORTS=eth0\n';
  const address = `METHOD=static\nIP_ADDRESS=${lan.host(9)}\nPREFIX=24\nGATEWAY=${lan.gateway}\n`;
  expect(await configure(bridge + address)).toMatchObject({ status: 0 });
  expect((await machine.state('br0')).addresses).toEqual([`${lan.host(9)}/24`]);
  expect(await machine.files()).toEqual(['/quantix/network/br0.conf']);
  expect(await configure(address)).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/br0 is a bridge, and stays one/) as string,
  });
});
