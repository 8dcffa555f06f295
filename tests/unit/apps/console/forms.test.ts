import { expect, test } from 'vitest';
import * as z from 'zod';
import { createConsoleProgram } from '../../../../apps/console/console.ts';
import { createTrialDialog } from '../../../../apps/console/screens/network-change.ts';
import { type Call, HYPERVISOR, KEYS, machine } from '../../../screens/machine.ts';
import { runConsole } from './run.ts';

const LEFT_EMPTY = '\x7f'.repeat(40);

test('a static address is typed and set, and the answer of qx-network is shown', async () => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  terminal.type('2');
  await terminal.see(/Hardware address/);
  terminal.type('s');
  await terminal.see(/static address on eth0/);
  terminal.type(
    `${LEFT_EMPTY}10.0.0.9/24\t${LEFT_EMPTY}10.0.0.1\t${LEFT_EMPTY}9.9.9.9, 1.1.1.1\t \t \r`,
  );
  await terminal.see(/eth0: what qx-network says/);
  expect(calls.map(commandOf)).toEqual([
    'static eth0 10.0.0.9/24 --gateway=10.0.0.1 --dns=9.9.9.9,1.1.1.1 --session',
  ]);
  terminal.type('\r');
  await terminal.see(/s Static {3}d DHCP/);
});

/** Formats a call as the command line of qx-network. */
function commandOf([name, command]: Call): string {
  const { args } = z.object({ args: z.array(z.string()) }).parse(command);
  return name === 'changeNetwork' ? args.join(' ') : name;
}

test('a change of address is on trial by default, and is confirmed by one key', async () => {
  const { deps, calls } = machine({ passwordState: async () => 'set' });
  const { terminal } = runConsole(deps);
  terminal.type('2');
  await terminal.see(/Hardware address/);
  terminal.type('d');
  await terminal.see(/gets address, gateway/);
  terminal.type('\r');
  await terminal.see(/Password of root/);
  terminal.type('right password\r');
  await terminal.see(/Undone in \d+ s, unless you confirm it \(c\)/);
  // The password was entered at most a minute ago.
  terminal.type('c');
  await terminal.see(/\| Done +\|/);
  expect(calls.map(commandOf)).toEqual(['dhcp eth0 --confirm 120', 'confirm eth0']);
});

const SAID = [
  'eth0: 10.0.0.9/24',
  'eth0: undone in 120 s unless confirmed: qx-network confirm eth0',
  'eth0: there is no name server',
];

test('the seconds of a trial are counted down, and afterwards it cannot be confirmed', () => {
  const start = createConsoleProgram('Quantix-OS', machine().deps).start(
    { columns: 80, rows: 24 },
    0,
  );
  const open = createTrialDialog({ name: 'eth0', said: SAID, seconds: 120, until: 120_000 });
  const at = (now: number) => {
    const state = { ...start.state, now, dialog: open };
    const { lines, keys } = open.view(state, 80);
    const confirmed = open.onKey(state, { name: 'character', character: 'c' });
    const text = lines.map((line) => line.map((span) => span.text).join('')).join('\n');
    return { text, keys, work: confirmed.effects.length };
  };
  expect(at(0).text).toMatch(/10\.0\.0\.9\/24\neth0: there is no name server\n\nUndone in 120 s/);
  expect(at(1_000)).toMatchObject({ text: expect.stringMatching(/Undone in 119 s/), work: 1 });
  expect(at(119_001)).toMatchObject({ text: expect.stringMatching(/Undone in 1 s/), work: 1 });
  expect(at(120_000)).toEqual({
    text: expect.stringMatching(/The time is over/),
    keys: 'Enter Go on',
    work: 0,
  });
});

/** Forms of an interface, the keys that are typed, and the resulting command. */
test.each([
  [
    'IPv6, static',
    'i',
    / \[< what routers/,
    ' \t2001:db8::7/64\tfe80::1\t2001:db8::53\r',
    'ipv6 eth0 2001:db8::7/64 --gateway=fe80::1 --dns=2001:db8::53 --confirm 120',
  ],
  ['IPv6, off', 'i', / \[< what routers/, '  \r', 'ipv6 eth0 off --confirm 120'],
  ['MTU', 'm', /Bytes/, `${LEFT_EMPTY}9000\r`, 'mtu eth0 9000'],
  ['the usual MTU', 'm', /Bytes/, `${LEFT_EMPTY}\t \r`, 'mtu eth0 default --session'],
  [
    'routes',
    'r',
    /Networks behind another/,
    `${LEFT_EMPTY}10.9.0.0/16 via 10.0.0.254,2001:db8:9::/48 via fe80::9\r`,
    'routes eth0 10.9.0.0/16 via 10.0.0.254,2001:db8:9::/48 via fe80::9',
  ],
  ['a bridge', 'b', /new bridge/, '\r', 'bridge br0 eth0 --confirm 120'],
  ['a bridge for guests only', 'b', /new bridge/, `\t${LEFT_EMPTY}\t\t \r`, 'bridge br0 none'],
  [
    'a bond',
    'n',
    /new bond/,
    '1\t,eth1\t \r',
    'bond bond01 eth0,eth1 --mode 802.3ad --confirm 120',
  ],
  ['a VLAN', 'v', /new VLAN/, '\x7f7\t\t7\r', 'vlan vlan7 eth0 7 --confirm 120'],
])('%s', async (_, key, form, typed, command) => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  terminal.type('2');
  await terminal.see(/Hardware address/);
  terminal.type('\r');
  await terminal.see(/New VLAN on this interface/);
  terminal.type(key);
  await terminal.see(form);
  terminal.type(typed);
  await terminal.see(/what qx-network says/);
  expect(calls.map(commandOf)).toEqual([command]);
});

test.each([
  ['IPv6', 'i', ' \tfe80::7/64\r', /! An address and a prefix, such as 2001/],
  ['the gateway of IPv6', 'i', ' \t2001:db8::7/64\t2001:db9::1\r', /! Outside 2001:db8::7/],
  ['an MTU', 'm', `${LEFT_EMPTY}1279\r`, /! A number from 1280/],
  ['a route', 'r', '10.9.0.1/16 via 10.0.0.1\r', /! Not SUBNET/],
  ['a bridge', 'b', '$\r', /! Letters, digits/],
  ['a port', 'b', '\t,eth0\r', /! eth0 is there twice/],
  ['a bond', 'n', `\t${LEFT_EMPTY}\r`, /! At least one interface/],
  ['a VLAN', 'v', '\t\t4095\r', /! A number from 1 to 4094/],
])('a mistake in %s is reported, and nothing is done', async (_, key, typed, problem) => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  terminal.type('2');
  await terminal.see(/Hardware address/);
  terminal.type(key);
  await terminal.see(/Tab Next field/);
  terminal.type(typed);
  await terminal.see(problem);
  expect(calls).toEqual([]);
});

test('removing a link, or IPv4 from an interface, needs a confirmation', async () => {
  const network = await HYPERVISOR.network(AbortSignal.any([]));
  const [eth0] = network.interfaces;
  const bridge = { ...eth0!, name: 'br0', type: 'bridge' as const, ports: ['eth0'], confirm: 40 };
  const facts = { ...HYPERVISOR, network: async () => ({ ...network, interfaces: [bridge] }) };
  const { deps, calls } = machine({ facts });
  const { terminal } = runConsole(deps);
  terminal.type('2');
  await terminal.see(/undone in 40 s/);
  terminal.type('x');
  await terminal.see(/Remove br0\?/);
  terminal.type('y');
  await terminal.see(/Done/);
  terminal.type('\ro');
  await terminal.see(/No IPv4 address on br0\?/);
  terminal.type('y');
  await terminal.see(/Done/);
  terminal.type('\rc');
  await terminal.see(/Done/);
  expect(calls.map(commandOf)).toEqual(['remove br0', 'off br0', 'confirm br0']);
});

test.each([
  ['Linux console', '\x1b[[B', '\x1b[[A'],
  ['VT100', '\x1bOQ', '\x1bOP'],
  ['VT220', '\x1b[12~', '\x1b[11~'],
])('in a form, function keys of %s switch screens, and digits are typed', async (_, f2, f1) => {
  const { terminal } = runConsole(machine().deps);
  terminal.type(f2);
  await terminal.see(/Hardware address/);
  terminal.type('s');
  await terminal.see(/comes back/);
  terminal.type('1');
  await terminal.see(/10\.0\.0\.7\/241/);
  terminal.type(f1);
  await terminal.see(/- Status/);
});

test('a form with a mistake is not sent, and shows the mistake', async () => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  terminal.type('2');
  await terminal.see(/Hardware address/);
  terminal.type('s');
  await terminal.see(/comes back/);
  terminal.type('\t\x7f5\x1b[A\x7f\x7f31\r');
  await terminal.see(/! Outside 10\.0\.0\.7\/31/);
  expect(calls).toEqual([]);
});

test('a WiFi network is chosen from the list of a scan, and joined with its password', async () => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  terminal.type('2');
  await terminal.see(/Hardware address/);
  terminal.type('jw');
  await terminal.see(/machine room/);
  terminal.type('\x1b[B\r');
  await terminal.see(/\[guests /);
  terminal.type('\tshort\r');
  await terminal.see(/8 to 63 printable/);
  terminal.type('er one\r');
  await terminal.see(/what qx-network says/);
  expect(calls).toEqual([
    ['scanWifi', 'wlan0'],
    ['changeNetwork', { args: ['wifi', 'wlan0', 'guests'], input: 'shorter one\n' }],
  ]);
  expect(terminal.written).not.toContain('shorter one');
});

test.each([
  ['Escape', '\x1b'],
  ['Ctrl-C', '\x03'],
])('%s goes back one screen at a time', async (_, key) => {
  const { terminal } = runConsole(machine().deps);
  terminal.type('2');
  await terminal.see(/Hardware address/);
  terminal.type('jw');
  await terminal.see(/machine room/);
  terminal.type('\r');
  await terminal.see(/asked for by DHCP/);
  for (const title of [/Enter Join/, /s Static/, /- Status/]) {
    terminal.type(key);
    await terminal.see(title);
  }
});

test('SSH is switched on for as many minutes as are typed, 5 to 120', async () => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  terminal.type('3');
  await terminal.see(/SSH is off/);
  terminal.type('e');
  await terminal.see(/Minutes/);
  terminal.type('0\r');
  await terminal.see(/! A number from 5 to 120/);
  terminal.type('\x7f\x7f\x7f45\r');
  await terminal.see(/SSH is on for 45 minutes/);
  terminal.type('\rd');
  await terminal.see(/\| SSH is off\. /);
  expect(calls).toEqual([['enableSsh', 45], ['disableSsh']]);
});

test('a password is set only if it was typed twice, and is never shown', async () => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  terminal.type('6p');
  await terminal.see(/Once more/);
  terminal.type('long enough\tlong enouhg\r');
  await terminal.see(/not the same/);
  terminal.type('\x7f\x7fgh\r');
  await terminal.see(/The password is set/);
  expect(calls).toEqual([['setPassword', 'long enough']]);
  expect(terminal.written).not.toContain('long');
});

test('restarting a service needs a confirmation', async () => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  terminal.type('4');
  await terminal.see(/libvirtd/);
  terminal.type('\x1b[Br');
  await terminal.see(/Restart libvirtd\?/);
  terminal.type('ny');
  terminal.type('r');
  await terminal.see(/Restart libvirtd\?/);
  expect(calls).toEqual([]);
  terminal.type('y');
  await terminal.see(/libvirtd was restarted/);
  expect(calls).toEqual([['restartService', 'libvirtd']]);
});

test('shutting down needs a confirmation, which shows how many virtual machines run', async () => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  terminal.type('7');
  await terminal.see(/Shut down/);
  terminal.type('s');
  await terminal.see(/2 virtual machines/);
  terminal.type('y');
  await terminal.see(/is shutting down/);
  expect(calls).toEqual([['powerOff']]);
});

test('menu keys work while a message is shown', async () => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  terminal.type('3d');
  await terminal.see(/Done/);
  terminal.type('2');
  await terminal.see(/Hardware address/);
  expect(await terminal.text()).not.toContain('Done');
  expect(calls).toEqual([['disableSsh']]);
});

test('without a disk for settings a change lasts for the session, with a warning', async () => {
  const network = await HYPERVISOR.network(AbortSignal.any([]));
  const facts = { ...HYPERVISOR, network: async () => ({ ...network, persistent: false }) };
  const { terminal } = runConsole(machine({ facts }).deps);
  terminal.type('2');
  await terminal.see(/There is no disk for settings/);
  terminal.type('s');
  expect(await terminal.see(/comes back/)).toContain('until the next restart');
});

test('the management network is tested on request, and an earlier result is not shown as the present one', async () => {
  let asked = 0;
  const seen = async () => {
    asked += 1;
    if (asked > 1) return await new Promise<never>(() => undefined);
    return await HYPERVISOR.reach(AbortSignal.any([]));
  };
  const { terminal } = runConsole(machine({ facts: { ...HYPERVISOR, reach: seen } }).deps);
  await terminal.see(/backup/);
  expect(asked).toBe(0);
  terminal.type('2t');
  await terminal.see(/DNS server 9\.9\.9\.9: NOT REACHED/);
  terminal.type('r');
  expect(await terminal.see(/are asked \.\.\./)).not.toContain('NOT REACHED');
  // Keys are handled while the network is tested.
  terminal.type('\x03');
  await terminal.see(/Hardware address/);
  expect(asked).toBe(2);
});

test('the host name is typed and set, and an invalid one is refused', async () => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  await terminal.see(/backup/);
  terminal.type('6h');
  await terminal.see(/takes effect at once/);
  terminal.type('-\r');
  await terminal.see(/! Letters, digits and -/);
  terminal.type('8\r');
  await terminal.see(/This machine is node7-8/);
  expect(calls).toEqual([['run', { program: 'qx-hostname', args: ['node7-8'] }]]);
});

test('a keyboard layout is chosen from a list', async () => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  terminal.type('6l');
  expect(await terminal.see(/German/)).toMatch(/^\* us +English \(US\)|^. \* us/m);
  terminal.type('\r');
  await terminal.see(/The layout is de/);
  expect(calls).toEqual([['run', { program: 'qx-keyboard', args: ['de'] }]]);
});

test('time servers are typed and set, or switched off', async () => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  terminal.type('6t');
  expect(await terminal.see(/sets the clock/)).toMatch(/set by 10\.0\.0\.9, and off by 12 ms/);
  terminal.type('s');
  await terminal.see(/without Internet access/);
  terminal.type('\t, 10.0.0.256\r');
  await terminal.see(/! Not a name or address: 10\.0\.0\.256/);
  terminal.type('\x7f\x7f\x7f7\r');
  await terminal.see(/The time servers are set/);
  terminal.type('\rs');
  await terminal.see(/without Internet access/);
  terminal.type(' \r');
  await terminal.see(/The time servers are set/);
  expect(calls).toEqual([
    ['run', { program: 'qx-time', args: ['servers', 'ntp1.example,10.0.0.9,10.0.0.7'] }],
    ['run', { program: 'qx-time', args: ['servers', 'none'] }],
  ]);
});

const [ANNA, BEN] = KEYS;

test('an SSH key that is typed or pasted is added, and an incomplete one is refused', async () => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  terminal.type('3y');
  await terminal.see(/anna@desk/);
  terminal.type('a');
  await terminal.see(/One line of/);
  terminal.type(`${BEN?.text.slice(0, -40)}\r`);
  await terminal.see(/! Not a public key/);
  terminal.type(`${BEN?.text.slice(-40)}\r`);
  await terminal.see(/The key may log in/);
  const added = { program: 'qx-ssh', args: ['keys', 'add'], input: `${BEN?.text}\n` };
  expect(calls).toEqual([['run', added]]);
});

test('SSH keys of a stick are listed with fingerprints, and one or all are added', async () => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  terminal.type('3y');
  await terminal.see(/anna@desk/);
  terminal.type('s');
  await terminal.see(/Kingston/);
  terminal.type('\r');
  expect(await terminal.see(/Found on \/dev\/sdb1/)).toContain(BEN?.fingerprint);
  terminal.type('j\r');
  await terminal.see(/The key may log in/);
  terminal.type('\r\r');
  await terminal.see(/Found on/);
  terminal.type('a');
  await terminal.see(/The keys may log in/);
  const add = (input: string) => ['run', { program: 'qx-ssh', args: ['keys', 'add'], input }];
  expect(calls).toEqual([
    ['stickKeys', '/dev/sdb1'],
    add(`${BEN?.text}\n`),
    ['stickKeys', '/dev/sdb1'],
    add(`${ANNA?.text}\n${BEN?.text}\n`),
  ]);
});

test('SSH keys from a URL are checked against their hash, and shown before they are added', async () => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  terminal.type('3y');
  await terminal.see(/anna@desk/);
  terminal.type('u');
  await terminal.see(/sha256sum/);
  terminal.type('ftp://a/b\r');
  await terminal.see(/! https:/);
  terminal.type(`${LEFT_EMPTY}https://keys.example/anna.keys\t${'0f'.repeat(31)}\r`);
  await terminal.see(/! 64 hexadecimal/);
  terminal.type('0F\r');
  await terminal.see(/Found on https:\/\/keys\.example\/anna\.keys/);
  const sha256 = `${'0f'.repeat(31)}0F`;
  expect(calls).toEqual([['fetchKeys', { url: 'https://keys.example/anna.keys', sha256 }]]);
});

test('removing an SSH key needs a confirmation that names it', async () => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  terminal.type('3y');
  await terminal.see(/anna@desk/);
  terminal.type('jx');
  await terminal.see(/\| ben/);
  terminal.type('y');
  await terminal.see(/The key is removed/);
  const args = ['keys', 'remove', BEN?.fingerprint];
  expect(calls).toEqual([['run', { program: 'qx-ssh', args }]]);
});
