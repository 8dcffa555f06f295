import { expect } from 'vitest';
import { begin } from './world/story.ts';
import { test } from './world/test.ts';

const FILE = '/quantix/network/eth0.conf';
const GOOD = 'IP_ADDRESS=10.0.0.5\nPREFIX=24\n';

/** Text of a file, and what is told of it. */
const MISTAKES: [name: string, text: string, told: RegExp][] = [
  ['a command', 'IP_ADDRESS=$(reboot)\nPREFIX=24', /:1: not an address .*: \$\(reboot\)$/],
  ['a command in backquotes', 'IP_ADDRESS=`touch /hit`', /:1: not an address/],
  ['a command on a line', 'touch /hit\n', /:1: not a line KEY=value$/],
  ['a command after a value', 'METHOD=dhcp; touch /hit', /:1: METHOD is dhcp or static/],
  ['a command as a key', '$(touch /hit)=1', /:1: unknown key/],
  ['an unknown key', `${GOOD}GATWAY=10.0.0.1`, /:3: unknown key/],
  ['a key of the shell', 'PATH=/tmp', /:1: unknown key/],
  ['a line of 1 MB', `IP_ADDRESS=${'1'.repeat(1_048_576)}`, /: larger than 4096 bytes$/],
  ['NUL characters', 'IP_ADDRESS=10.0.0.5\0\nPREFIX=24', /: has NUL characters$/],
  ['an octet of 256', 'IP_ADDRESS=10.0.0.256\nPREFIX=24', /:1: not an address/],
  ['an octet with a leading zero', 'IP_ADDRESS=10.0.0.010\nPREFIX=24', /:1: not an address/],
  ['an octet beyond 64 bits', 'IP_ADDRESS=10.0.0.18446744073709551621', /:1: not an address/],
  ['three octets', 'IP_ADDRESS=10.0.5\nPREFIX=24', /:1: not an address/],
  ['five octets', 'IP_ADDRESS=10.0.0.5.6\nPREFIX=24', /:1: not an address/],
  ['a loopback address', 'IP_ADDRESS=127.0.0.1\nPREFIX=8', /:1: not an address/],
  ['a multicast address', 'IP_ADDRESS=224.0.0.5\nPREFIX=24', /:1: not an address/],
  ['/33', 'IP_ADDRESS=10.0.0.5\nPREFIX=33', /:2: not a prefix from 1 to 32: 33$/],
  ['/0', 'IP_ADDRESS=10.0.0.5\nPREFIX=0', /:2: not a prefix/],
  ['a negative prefix', 'IP_ADDRESS=10.0.0.5\nPREFIX=-1', /:2: not a prefix/],
  ['a netmask with holes', 'IP_ADDRESS=10.0.0.5\nNETMASK=255.0.255.0', /:2: not a netmask/],
  ['junk in the netmask', 'IP_ADDRESS=10.0.0.5\nNETMASK=255.255.255.x', /:2: not a netmask/],
  ['netmask and prefix', `${GOOD}NETMASK=255.255.255.0`, /:3: both PREFIX and NETMASK$/],
  ['no prefix', 'IP_ADDRESS=10.0.0.5', /: IP_ADDRESS without PREFIX or NETMASK$/],
  [
    'a gateway outside',
    `${GOOD}GATEWAY=10.0.1.1`,
    /: gateway 10\.0\.1\.1 is outside 10\.0\.0\.5\/24$/,
  ],
  ['itself as gateway', `${GOOD}GATEWAY=10.0.0.5`, /: gateway 10\.0\.0\.5 is the machine itself$/],
  ['the broadcast address', 'IP_ADDRESS=10.0.0.255\nPREFIX=24', /first or last address/],
  ['a gateway at the end', `${GOOD}GATEWAY=10.0.0.0`, /first or last address/],
  ['four name servers', `${GOOD}DNS=9.9.9.9,1.1.1.1,8.8.8.8,8.8.4.4`, /:3: more than three/],
  ['a name as name server', `${GOOD}DNS=dns.example.org`, /:3: not the address of a name server/],
  ['an empty name server', `${GOOD}DNS=9.9.9.9,,1.1.1.1`, /:3: not the address of a name server/],
  ['a key twice', `${GOOD}PREFIX=25`, /:3: PREFIX is there twice$/],
  ['DHCP with an address', `METHOD=dhcp\n${GOOD}`, /METHOD=dhcp together with an address/],
  ['static without address', 'METHOD=static', /METHOD=static without IP_ADDRESS$/],
  ['a short WiFi password', 'SSID=home\nPSK=1234567', /:2: a WiFi password has 8 to 63/],
  ['a long WiFi name', `SSID=${'x'.repeat(33)}`, /:1: a WiFi name has 1 to 32 bytes$/],
  ['a WiFi password alone', 'PSK=12345678', /: PSK without SSID$/],
  ['escape sequences', '\u001b[2J=1', /:1: unknown key/],
];

for (const shell of ['ash', 'dash'] as const) {
  test(`a hostile file is told with its name and line, and nothing of it is done (${shell})`, async () => {
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

test('a file that is none is no reason to wait', async () => {
  await using story = await begin();
  const { machine } = story;
  await machine.succeed(
    'mkdir -p /quantix/network/static.conf; mkfifo /quantix/network/eth0.conf; ln -s /dev/null /quantix/network/eth1.conf',
  );
  expect((await machine.network('apply', 'eth0')).stderr).toMatch('eth0.conf: not a file');
  expect((await machine.network('apply', 'eth1')).stderr).toMatch('eth1.conf: not a file');
});

test('at boot a file that does not parse is set aside, and the next one counts', async () => {
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

test('what is wrong on the command line is told, and nothing is changed or written', async () => {
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
