import { describe, expect, test, vi } from 'vitest';
import type { Deps } from '../../../../apps/console/deps.ts';
import { EXIT } from '../../../../apps/console/exit-status.ts';
import { CONTROL_PLANE, HYPERVISOR, INVITATION, KEYS, machine } from '../../../screens/machine.ts';
import { runConsole } from './run.ts';

const WITH_PASSWORD: Partial<Deps> = { passwordState: async () => 'set' };

/** Screens wait for their facts; once the status is shown, all have been read. */
const READ = /Management +10[\s\S]*backup/;

/** Facts about a host in maintenance, and about a control plane with a planned address. */
const IN_MAINTENANCE: Partial<Deps> = {
  facts: {
    ...HYPERVISOR,
    health: async (signal) => ({
      ...(await HYPERVISOR.health(signal)),
      maintenance: { on: true, reason: null, since: null },
    }),
  },
};
const WITH_PLAN: Partial<Deps> = {
  facts: {
    ...CONTROL_PLANE,
    address: async (signal) => ({
      ...(await CONTROL_PLANE.address!(signal)),
      planned: ['https://10.0.0.8:9443'],
    }),
  },
};

/**
 * Every change, the keys that lead to it, and facts that it needs. Those of QvDC that show their result on a screen of
 * their own are in operate.test.ts.
 */
const CHANGES: readonly [string, readonly (string | RegExp)[], Partial<Deps>?][] = [
  ['a static address', ['2', /Hardware/, 's', /comes back/, '\r']],
  ['DHCP', ['2', /Hardware/, 'd', /gets/, '\r']],
  ['IPv6', ['2', /Hardware/, 'i', /IPv4 stays/, '\r']],
  ['an MTU', ['2', /Hardware/, 'm', /Switches/, '\r']],
  ['routes', ['2', /Hardware/, 'r', /Networks/, '\r']],
  ['a bridge', ['2', /Hardware/, 'b', /new bridge/, '\r']],
  ['a bond', ['2', /Hardware/, 'n', /new bond/, '\r']],
  ['a VLAN', ['2', /Hardware/, 'v', /new VLAN/, '\t\t7\r']],
  ['no IPv4 address', ['2', /Hardware/, 'o', /No IPv4/, 'y']],
  ['WiFi', ['2', /Hardware/, 'jw', /machine room/, '\r', /Password/, '\r']],
  ['SSH for good', ['3', /SSH is/, 'p']],
  ['SSH for some time', ['3', /SSH is/, 'e', /Minutes/, '\r']],
  ['SSH off', ['3', /SSH is/, 'd']],
  ['a key', ['3y', /anna/, 'a', /One line/, `${KEYS[1]?.text}\r`]],
  ['no key', ['3y', /anna/, 'x', /Remove/, 'y']],
  ['a service', ['4', /chronyd/, 'r', /Restart/, 'y']],
  ['a host name', [/backup/, '6h', /at once/, '\r']],
  ['a keyboard layout', ['6l', /German/, '\r']],
  ['time servers', ['6t', /sets the/, 's', /without Internet access/, '\r']],
  ['another password', ['6p', /Once/, 'new password\tnew password\r']],
  ['a restart', ['7', /Shut/, 'r', /Restart/, 'y']],
  ['a shut-down', ['7', /Shut/, 's', /Shut/, 'y']],
  ['the start of a VM', [READ, '6v', /shut off/, 's']],
  ['the shut-down of a VM', [READ, '6v', /shut off/, 'd']],
  ['a VM without power', [READ, '6v', /shut off/, 'x', /Cut the power/, 'y']],
  ['a new pool', [READ, '6s', /nvme0n1/, 'c', /To overwrite/, 'fast\t \t/dev/sdb\r']],
  ['a known pool', [READ, '6s', /nvme0n1/, 'i', /not changed/, 'isos\t  \t/data/isos\r']],
  ['one pool less', [READ, '6s', /nvme0n1/, 'r', /Remove the pool/, 'y']],
  ['maintenance', [READ, '6m', /as usual/, 'b', /Why/, '\r']],
  ['the end of maintenance', ['6m', /no reason was given/, 'e'], IN_MAINTENANCE],
  [
    'a control plane',
    [READ, '6c', /j Join/, 'j', /needs a token/, `a.example\t${INVITATION.token}\r`, /0123/, 'y'],
  ],
  ['no control plane', [READ, '6c', /j Join/, 'l', /Leave 10/, 'y']],
  ['a search for updates', [READ, '6u', /serial 4/, 'c']],
  ['an update to stage', [READ, '6u', /serial 4/, 'b']],
  ['an update from a stick', [READ, '6u', /serial 4/, 'f', /LOGS/, '\r']],
  ['an update', [READ, '6u', /serial 4/, 'a', /Restart into/, 'y']],
  ['a support bundle', [READ, '6b', /LOGS/, '\r']],
  ['a factory reset', [READ, '6f', /stays as it is/, '\tnode7\r']],
  ['no planned address', ['6r', /w Withdraw/, 'w'], WITH_PLAN],
];

describe.each(CHANGES)('once root has a password, %s', (_, acts, facts) => {
  test('is refused without the password, and carried out with it', async () => {
    const { deps, calls } = machine({ ...WITH_PASSWORD, ...facts });
    const { terminal } = runConsole(deps);
    const scan = ['scanWifi', 'wlan0'];
    const changes = () => calls.filter(([name]) => name !== scan[0]);
    for (const act of acts) {
      if (typeof act === 'string') terminal.type(act);
      else await terminal.see(act);
    }
    await terminal.see(/Password of root/);
    terminal.type('wrong password\r');
    await terminal.see(/That is not the password/);
    expect(changes()).toEqual([]);
    terminal.type('right password\r');
    await terminal.see(/Done/);
    expect(changes()).toHaveLength(1);
  });
});

test('a shell opens only with the password', async () => {
  const { terminal, ended } = runConsole(machine(WITH_PASSWORD).deps);
  terminal.type('8');
  await terminal.see(/Password of root/);
  terminal.type('wrong password\r');
  await terminal.see(/not the password/);
  terminal.type('right password\r');
  expect(await ended).toBe(EXIT.shell);
});

test('ten wrong passwords are refused, and the right one is accepted afterwards', async () => {
  let checks = 0;
  const checkPassword = async (password: string) => {
    checks += 1;
    return password === 'right password';
  };
  const { deps, calls } = machine({ ...WITH_PASSWORD, checkPassword });
  const { terminal, ended } = runConsole(deps);
  terminal.type('8');
  await terminal.see(/Password of root/);
  for (let wrong = 1; wrong <= 10; wrong += 1) {
    terminal.type(`wrong ${wrong}\r`);
    // qx-password delays each check after a failure, twice as long each time.
    await vi.waitUntil(() => checks === wrong, 30_000);
    await terminal.see(/That is not the password/);
  }
  expect(calls).toEqual([]);
  expect(terminal.written).not.toContain('wrong ');
  terminal.type('right password\r');
  expect(await ended).toBe(EXIT.shell);
});

test('a shell opens at once if root has no password', async () => {
  const { terminal, ended } = runConsole(machine().deps);
  terminal.type('\x1b[19~');
  expect(await ended).toBe(EXIT.shell);
});

test('nothing is allowed if the password state cannot be read', async () => {
  const passwordState = () => Promise.reject(new Error('qx-password is not installed'));
  const { deps, calls } = machine({ passwordState });
  const { terminal } = runConsole(deps);
  terminal.type('8');
  await terminal.see(/Failed: Opening a shell[\s\S]*qx-password is not installed/);
  terminal.type('\r3d');
  await terminal.see(/Failed: Switching SSH off/);
  expect(calls).toEqual([]);
});

test('a password that is set while the console runs takes effect at once', async () => {
  let state: 'set' | 'empty' = 'empty';
  const { deps, calls } = machine({ passwordState: async () => state });
  const { terminal } = runConsole(deps);
  terminal.type('3d');
  await terminal.see(/\| SSH is off\. /);
  state = 'set';
  terminal.type('\rd');
  await terminal.see(/Password of root/);
  expect(calls).toHaveLength(1);
});

test('the log-in prompt opens without the console’s password question', async () => {
  const { terminal, ended } = runConsole(machine(WITH_PASSWORD).deps);
  terminal.type('9');
  expect(await ended).toBe(EXIT.login);
});

test('leaving needs no password', async () => {
  const { terminal, ended } = runConsole(machine(WITH_PASSWORD).deps);
  terminal.type('q');
  expect(await ended).toBe(EXIT.left);
});

test('Escape cancels the password question, and nothing is done', async () => {
  const { deps, calls } = machine(WITH_PASSWORD);
  const { terminal } = runConsole(deps);
  terminal.type('3d');
  await terminal.see(/Password of root/);
  terminal.type('\x03');
  await terminal.see(/Enter or letter/);
  expect(calls).toEqual([]);
});

test('locked consoles show the reason, ask for no password and do nothing', async () => {
  const passwordState = async () => ({ closed: 'several file systems are QUANTIX-CFG (sda vdb)' });
  const { deps, calls } = machine({ passwordState });
  const { terminal } = runConsole(deps);
  terminal.type('8');
  await terminal.see(/The consoles are closed[\s\S]*several file systems are QUANTIX-CFG/);
  terminal.type('\r3d');
  await terminal.see(/The consoles are closed/);
  expect(calls).toEqual([]);
});
