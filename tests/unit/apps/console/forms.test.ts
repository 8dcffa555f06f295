import { expect, test } from 'vitest';
import { HYPERVISOR, machine } from '../../../screens/machine.ts';
import { runConsole } from './run.ts';

const LEFT_EMPTY = '\x7f'.repeat(40);

test('a static address is set by typing, and what qx-network says of it is shown', async () => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  terminal.type('2');
  await terminal.see(/Hardware address/);
  terminal.type('s');
  await terminal.see(/static address on eth0/);
  terminal.type(
    `${LEFT_EMPTY}10.0.0.9/24\t${LEFT_EMPTY}10.0.0.1\t${LEFT_EMPTY}9.9.9.9, 1.1.1.1\t \r`,
  );
  await terminal.see(/eth0: 10\.0\.0\.9\/24/);
  expect(calls).toEqual([
    [
      'setStatic',
      {
        interface: 'eth0',
        address: '10.0.0.9',
        prefix: 24,
        gateway: '10.0.0.1',
        dns: ['9.9.9.9', '1.1.1.1'],
        keep: 'session',
      },
    ],
  ]);
  terminal.type('\r');
  await terminal.see(/d DHCP {3}s Static/);
});

test.each([
  ['Linux console', '\x1b[[B', '\x1b[[A'],
  ['VT100', '\x1bOQ', '\x1bOP'],
  ['VT220', '\x1b[12~', '\x1b[11~'],
])('function keys of %s lead out of a form, in which digits are typed', async (_, f2, f1) => {
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

test('a form with a mistake is not sent, and says where it is', async () => {
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

test('going back to DHCP is one key and Enter', async () => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  terminal.type('2');
  await terminal.see(/Hardware address/);
  terminal.type('d');
  await terminal.see(/asks for address/);
  terminal.type('\r');
  await terminal.see(/by DHCP/);
  expect(calls).toEqual([['setDhcp', { interface: 'eth0', keep: 'persistent' }]]);
});

test('a WiFi network is chosen from those that were found, and joined with its password', async () => {
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
  await terminal.see(/192\.168\.7\.20/);
  const network = {
    interface: 'wlan0',
    ssid: 'guests',
    password: 'shorter one',
    keep: 'persistent',
  };
  expect(calls).toEqual([
    ['scanWifi', 'wlan0'],
    ['joinWifi', network],
  ]);
  expect(terminal.written).not.toContain('shorter one');
});

test.each([
  ['Escape', '\x1b'],
  ['Ctrl-C', '\x03'],
])('%s leads back, one screen at a time', async (_, key) => {
  const { terminal } = runConsole(machine().deps);
  terminal.type('2');
  await terminal.see(/Hardware address/);
  terminal.type('jw');
  await terminal.see(/machine room/);
  terminal.type('\r');
  await terminal.see(/asked for by DHCP/);
  for (const title of [/Enter Join/, /d DHCP/, /- Status/]) {
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

test('a service is restarted after a question, not at its first key', async () => {
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

test('shutting down says how many virtual machines run, and asks', async () => {
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

test('the menu leads on from a message, as from a screen', async () => {
  const { deps, calls } = machine();
  const { terminal } = runConsole(deps);
  terminal.type('3d');
  await terminal.see(/Done/);
  terminal.type('2');
  await terminal.see(/Hardware address/);
  expect(await terminal.text()).not.toContain('Done');
  expect(calls).toEqual([['disableSsh']]);
});

test('without a disk for settings a change lasts for the session, and that is said', async () => {
  const network = await HYPERVISOR.network(AbortSignal.any([]));
  const facts = { ...HYPERVISOR, network: async () => ({ ...network, persistent: false }) };
  const { terminal } = runConsole(machine({ facts }).deps);
  terminal.type('2');
  await terminal.see(/There is no disk for settings/);
  terminal.type('s');
  expect(await terminal.see(/comes back/)).toContain('until the next restart');
});
