import { expect } from 'vitest';
import type { Machine } from './world/machine.ts';
import { begin, expectInvariant, goStatic } from './world/story.ts';
import { test } from './world/test.ts';
import { until } from './world/until.ts';

async function untilAdvertised(machine: Machine): Promise<string> {
  return await until('an advertised address', async () => {
    const { addresses } = (await machine.statusOf('eth0')).ipv6;
    return addresses.find(({ origin }) => origin === 'router')?.address;
  });
}

for (const shell of ['ash', 'dash'] as const) {
  test(`IPv6 is automatic, static or off, and nothing is left of the previous setting (${shell})`, async () => {
    await using story = await begin(shell);
    const { machine, lan } = story;
    await lan.advertise();
    const eth0 = await goStatic(machine, 'eth0', { lan, host: 7 });
    const advertised = await untilAdvertised(machine);
    expect((await machine.statusOf('eth0')).ipv6).toMatchObject({ method: 'auto', gateway: /./ });
    expect((await machine.network('status')).stdout).toMatch(
      `IPv6 ${advertised}/64, advertised by a router`,
    );
    const wanted = `${lan.host6('7')}/64`;
    const done = await machine.network(
      'ipv6',
      'eth0',
      wanted,
      '--gateway',
      lan.host6('1'),
      '--dns',
      '2001:db8::53',
    );
    expect(done).toMatchObject({ status: 0, stderr: '' });
    expect(await machine.addresses6('eth0')).toEqual([wanted]);
    expect((await machine.statusOf('eth0')).ipv6).toMatchObject({
      method: 'static',
      gateway: lan.host6('1'),
    });
    expect(await lan.reaches(lan.host6('7'))).toBe(true);
    expect(await machine.nameServers()).toEqual(['2001:db8::53']);
    await machine.cutPower();
    expect((await machine.network('apply', 'eth0')).status).toBe(0);
    expect(await machine.addresses6('eth0')).toEqual([wanted]);
    expect((await machine.network('ipv6', 'eth0', 'off')).status).toBe(0);
    expect(await machine.addresses6('eth0')).toEqual([]);
    expect((await machine.statusOf('eth0')).ipv6).toEqual({
      method: 'off',
      addresses: [],
      gateway: null,
    });
    expect(await machine.nameServers()).toEqual([]);
    expect((await machine.network('ipv6', 'eth0', 'auto')).status).toBe(0);
    await untilAdvertised(machine);
    await expectInvariant(machine, { eth0 });
  });
}

test('an IPv6 address that another machine has is refused, and the previous state is restored', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await goStatic(machine, 'eth0', { lan, host: 7 });
  await lan.ip('addr', 'add', `${lan.host6('8')}/64`, 'dev', 'wire', 'nodad');
  const own = `${lan.host6('7')}/64`;
  expect((await machine.network('ipv6', 'eth0', own)).status).toBe(0);
  expect(await machine.network('ipv6', 'eth0', `${lan.host6('8')}/64`)).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(`another machine has ${lan.host6('8')}`) as string,
  });
  expect(await machine.addresses6('eth0')).toEqual([own]);
  expect((await machine.state('eth0')).addresses).toEqual([`${lan.host(7)}/24`]);
});
