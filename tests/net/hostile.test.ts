import { expect } from 'vitest';
import { MISTAKES } from '../unit/network/mistakes.ts';
import { begin } from './world/story.ts';
import { test } from './world/test.ts';

const FILE = '/quantix/network/eth0.conf';
for (const shell of ['ash', 'dash'] as const) {
  test(`a hostile file is reported with its name and line, and nothing in it is applied (${shell})`, async () => {
    await using story = await begin(shell);
    const { machine } = story;
    await machine.network('static', 'eth0', '10.0.0.9/24');
    const before = await machine.state('eth0');
    for (const [name, text, told] of MISTAKES) {
      await machine.write(FILE, text);
      const { status, stderr } = await machine.network('apply', 'eth0');
      expect({ name, status, stderr }).toEqual({
        name,
        status: 1,
        stderr: expect.stringMatching(told) as string,
      });
      expect(stderr, name).toMatch(/^qx-network: \/quantix\/network\/eth0\.conf[:\d]* .*$/);
      expect(stderr.length, name).toBeLessThan(200);
    }
    expect(await machine.read('/hit')).toBeUndefined();
    expect(await machine.state('eth0')).toEqual(before);
    expect(await machine.files()).toEqual([FILE]);
  });
}

test('a path that is not a regular file is reported at once', async () => {
  await using story = await begin();
  const { machine } = story;
  await machine.succeed(
    'mkdir -p /quantix/network/static.conf; mkfifo /quantix/network/eth0.conf; ln -s /dev/null /quantix/network/eth1.conf',
  );
  expect((await machine.network('apply', 'eth0')).stderr).toMatch('eth0.conf: not a file');
  expect((await machine.network('apply', 'eth1')).stderr).toMatch('eth1.conf: not a file');
});

test('at boot a file that cannot be parsed is set aside, and the next one is used', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await machine.write(FILE, 'IP_ADDRESS=10.0.0\n');
  await machine.write(
    '/quantix/network/static.conf',
    `IP_ADDRESS=${lan.host(7)}\r\nNETMASK=255.255.254.0\r\n# written on another system\r\n\r\n`,
  );
  const { status, stderr } = await machine.network('apply', 'eth0');
  expect(status).toBe(0);
  expect(stderr).toMatch('eth0.conf:1: not an address');
  expect(stderr).toMatch('set aside as eth0.conf.rejected');
  expect((await machine.state('eth0')).addresses).toEqual([`${lan.host(7)}/23`]);
});

test('a wrong command line is reported, and nothing is changed or written', async () => {
  await using story = await begin();
  const { machine } = story;
  const refused: [string[], RegExp][] = [
    [['static', 'eth0', '10.0.0.5'], /a static address is ADDRESS\/PREFIX/],
    [['static', 'eth0', '10.0.0.5/33'], /not a prefix/],
    [['static', 'eth0', '10.0.0.5/24/1'], /not a prefix/],
    [['static', 'eth0', '10.0.0.5/24', '--gateway', '10.9.0.1'], /outside/],
    [['static', 'eth0', '10.0.0.5/24', '--dns', 'x'], /name server/],
    [['static', 'eth9', '10.0.0.5/24'], /there is no interface eth9/],
    [['static', '../../etc', '10.0.0.5/24'], /there is no interface/],
    [['static', '', '10.0.0.5/24'], /there is no interface/],
    [['static', '-a', '10.0.0.5/24'], /there is no interface/],
    [['dhcp', 'lo$(reboot)'], /there is no interface/],
    [['wifi', 'eth0', 'home'], /not a WiFi interface/],
  ];
  for (const [args, told] of refused) {
    expect(await machine.network(...args)).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(told) as string,
    });
  }
  const misused = [[], ['up'], ['static'], ['static', 'eth0'], ['dhcp', 'eth0', '--now']];
  for (const args of [
    ...misused,
    ['status', '--xml'],
    ['static', 'eth0', '10.0.0.5/24', '--dns'],
  ]) {
    expect(await machine.network(...args)).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^usage: /) as string,
    });
  }
  expect(await machine.files()).toEqual([]);
  expect(await machine.state('eth0')).toEqual({ addresses: [], routes: [] });
});
