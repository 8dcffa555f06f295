import { expect, test } from 'vitest';
import type { Vms } from '../../../../apps/api/vms.ts';
import type { Deps } from '../../../../apps/console/deps.ts';
import { EXIT } from '../../../../apps/console/exit-status.ts';
import {
  BACKED_UP,
  type Call,
  CONTROL_PLANE,
  HOST,
  HYPERVISOR,
  INVITATION,
  ISSUED,
  machine,
  TOKEN,
  UPDATES,
} from '../../../screens/machine.ts';
import type { FakeTerminal } from '../../../screens/terminal.ts';
import { runConsole } from './run.ts';

/** A console on one of the screens of the system. */
async function on(
  keys: string,
  seen: RegExp,
  changes: Partial<Deps> = {},
): Promise<{ terminal: FakeTerminal; calls: Call[]; ended: Promise<number> }> {
  const { deps, calls } = machine(changes);
  const { terminal, ended } = runConsole(deps);
  await terminal.see(/Management +10/);
  terminal.type(keys);
  await terminal.see(seen);
  return { terminal, calls, ended };
}

const DOWN = '\x1b[B';
const vmsOf = (vms: Vms): Partial<Deps> => ({ facts: { ...HYPERVISOR, vms: async () => vms } });

test('a virtual machine is started and shut down by a key, and powered off only after a confirmation', async () => {
  const { terminal, calls } = await on('6v', /shut off/);
  terminal.type(`${DOWN}s`);
  await terminal.see(/old is started/);
  terminal.type('\rd');
  await terminal.see(/old is asked to shut down/);
  terminal.type('\rx');
  await terminal.see(/Cut the power of old\?/);
  terminal.type('n');
  await terminal.see(/s Start/);
  terminal.type('x');
  await terminal.see(/Cut the power of old\?/);
  terminal.type('y');
  await terminal.see(/old has no power/);
  expect(calls.map(([name, what]) => [name, what])).toEqual(
    ['start', 'shutdown', 'destroy'].map((verb) => ['actOnVm', { id: expect.any(String), verb }]),
  );
});

test('an error of libvirt is shown', async () => {
  const { terminal } = await on('6v', /shut off/, {
    actOnVm: () => Promise.reject(new Error('the host is in maintenance')),
  });
  terminal.type('s');
  await terminal.see(/Failed: Starting mail[\s\S]*in maintenance/);
});

test('the text console of a running machine replaces this program, after root’s password', async () => {
  const { terminal, calls, ended } = await on('6v', /shut off/, {
    passwordState: async () => 'set',
  });
  terminal.type(`${DOWN}c`);
  await terminal.see(/old does not run/);
  terminal.type(`\r${DOWN}c`);
  await terminal.see(/Password of root/);
  terminal.type('right password\r');
  expect(await ended).toBe(EXIT.machine);
  expect(calls).toEqual([['leaveForConsole', { id: expect.any(String), name: 'web' }]]);
});

test('without libvirt the reason is shown; a machine with unknown details is listed with the known ones', async () => {
  const none = vmsOf({ libvirt: { available: false, problem: 'libvirt is not running' }, vms: [] });
  await on('6v', /Not known: libvirt is not running/, none);
  const vm = { id: 'a', name: 'ghost', cpus: 0, memory: 0, persistent: false, autostart: false };
  const odd = vmsOf({
    libvirt: { available: true, version: '9' },
    vms: [{ ...vm, state: 'unknown' }],
  });
  const { terminal } = await on('6v', /ghost/, odd);
  expect(await terminal.text()).toMatch(/> ghost +unknown {2,}not kept/);
});

test('maintenance is begun with a reason, and ended', async () => {
  const { terminal, calls } = await on('6m', /as usual/);
  terminal.type('b');
  await terminal.see(/Why/);
  terminal.type('new memory\r');
  await terminal.see(/until somebody ends it/);
  const note = { on: true, reason: null, since: null };
  const health = async () => ({
    ...(await HYPERVISOR.health(new AbortController().signal)),
    maintenance: note,
  });
  const other = await on('6m', /no reason was given/, { facts: { ...HYPERVISOR, health } });
  other.terminal.type('e');
  await other.terminal.see(/can be started again/);
  expect([...calls, ...other.calls]).toEqual([
    ['setMaintenance', { on: true, reason: 'new memory' }],
    ['setMaintenance', { on: false }],
  ]);
});

test('maintenance is shown as not known while the agent does not answer', async () => {
  const health = () => Promise.reject(new Error('the agent does not answer'));
  const { terminal, calls } = await on('6m', /Not known: the agent does not answer/, {
    facts: { ...HYPERVISOR, health },
  });
  terminal.type('beb');
  await terminal.see(/Not known/);
  expect(calls).toEqual([]);
});

test('a pool is created on a disk after its serial number is typed, imported, and removed', async () => {
  const { terminal, calls } = await on('6s', /nvme0n1/);
  terminal.type('c');
  await terminal.see(/that is not empty/);
  terminal.type('fast\t \t/dev/sdb\t S1 2\r');
  await terminal.see(/fast filesystem/);
  terminal.type('\ri');
  await terminal.see(/Its data is not changed/);
  terminal.type('isos\t  \tdata\r');
  await terminal.see(/! A folder/);
  terminal.type('\x7f\x7f\x7f\x7f/data/isos\r');
  await terminal.see(/fast filesystem/);
  terminal.type('\ri');
  await terminal.see(/Its data is not changed/);
  terminal.type('nas\t\x1b[D\tnas:/pool\r');
  await terminal.see(/fast filesystem/);
  terminal.type(`\r${DOWN}r`);
  await terminal.see(/Remove the pool backup\?/);
  terminal.type('y');
  await terminal.see(/is no longer a pool/);
  expect(calls).toEqual([
    [
      'addPool',
      {
        ...{ action: 'create', pool: { name: 'fast' }, disks: ['/dev/sdb'] },
        ...{ lvm: true, destroy: ' S1 2' },
      },
    ],
    ['addPool', { action: 'import', pool: { name: 'isos', directory: '/data/isos' } }],
    ['addPool', { action: 'import', pool: { name: 'nas', nfs: 'nas:/pool' } }],
    ['removePool', 'backup'],
  ]);
});

test('the support bundle is written to the chosen stick; without a stick another way is shown', async () => {
  const { terminal, calls } = await on('6b', /LOGS/);
  terminal.type('\r');
  await terminal.see(/is on it/);
  expect(calls).toEqual([['writeSupport', '/dev/sdb1']]);
  const none = await on('6b', /There is no stick/, {
    facts: { ...HYPERVISOR, sticks: async () => [] },
  });
  expect(await none.terminal.text()).toContain('ssh root@10.0.0.7 qx-support write >bundle.tar.gz');
});

test('a factory reset needs the machine’s name, and shows whether data is removed', async () => {
  const { terminal, calls } = await on('6f', /stays as it is/);
  terminal.type('\tnode8\r');
  await terminal.see(/! It is called node7/);
  expect(calls).toEqual([]);
  terminal.type('\x7f7\r');
  await terminal.see(/The machine is restarting/);
  const other = await on('6f', /stays as it is/);
  other.terminal.type(' \tnode7\r');
  await other.terminal.see(/The machine is restarting/);
  expect([...calls, ...other.calls]).toEqual([
    ['reset', { name: 'node7', data: false }],
    ['reset', { name: 'node7', data: true }],
  ]);
});

test('hardware is read only while a screen shows it', async () => {
  let read = 0;
  const hardware: typeof HYPERVISOR.hardware = async (signal) => {
    read += 1;
    return await HYPERVISOR.hardware(signal);
  };
  const { terminal } = await on('6', /w {2}Hardware/, { facts: { ...HYPERVISOR, hardware } });
  expect(read).toBe(0);
  terminal.type('w');
  await terminal.see(/PowerEdge/);
  expect(read).toBe(1);
});

test('a control plane is joined with a token, after a comparison of its fingerprint', async () => {
  const { terminal, calls } = await on('6c', /j Join/);
  terminal.type('j');
  await terminal.see(/Each host needs a token/);
  terminal.type(`qvdc.example\t${INVITATION.token.slice(0, -1)}\r`);
  await terminal.see(/! This is not a join token|! this is not a join token/);
  terminal.type('F\r');
  await terminal.see(/0123 4567 89AB CDEF 0123/);
  terminal.type('n');
  await terminal.see(/Each host needs a token/);
  expect(calls).toEqual([]);
  terminal.type('\r');
  await terminal.see(/0123 4567/);
  terminal.type('y');
  await terminal.see(/joined https:\/\/qvdc.example: connected/);
  expect(calls).toEqual([
    ['joinControlPlane', { ...INVITATION, token: INVITATION.token.replace(/.$/, 'F') }],
  ]);
});

test('a join token is read from a stick, and used after a comparison of its fingerprint', async () => {
  const { terminal, calls } = await on('6c', /j Join/);
  terminal.type('t');
  await terminal.see(/LOGS/);
  terminal.type('\r');
  await terminal.see(/0123 4567/);
  terminal.type('y');
  await terminal.see(/connected/);
  expect(calls).toEqual([
    ['readInvitation', '/dev/sdb1'],
    ['joinControlPlane', INVITATION],
  ]);
});

test('leaving a control plane needs a confirmation, and is possible without notifying it', async () => {
  const { terminal, calls } = await on('6c', /j Join/);
  terminal.type('l');
  await terminal.see(/Leave 10.0.0.2\?/);
  terminal.type('n');
  await terminal.see(/j Join/);
  terminal.type('l');
  await terminal.see(/Leave 10.0.0.2\?/);
  terminal.type('y');
  await terminal.see(/belongs to no control plane/);
  terminal.type('\rf');
  await terminal.see(/is not notified/);
  terminal.type('y');
  await terminal.see(/belongs to no control plane/);
  expect(calls).toEqual([
    ['leaveControlPlane', false],
    ['leaveControlPlane', true],
  ]);
});

test('a join token is made after root’s password, and shown with the fingerprint to compare', async () => {
  const facts = { facts: CONTROL_PLANE, passwordState: async () => 'set' as const };
  const { terminal, calls } = await on('6n', /node7/, facts);
  terminal.type('t');
  await terminal.see(/shown once/);
  terminal.type('0\t\track 7');
  await terminal.see(/rack 7/);
  terminal.type('\r');
  await terminal.see(/Password of root/);
  expect(calls).toEqual([]);
  terminal.type('right password\r');
  await terminal.see(/0123 4567 89AB CDEF/);
  const shown = (await terminal.text()).replaceAll(/\s/g, '');
  expect(shown).toContain(TOKEN.joinToken);
  const request = { uses: 1, expiresInSeconds: 36_000, description: 'rack 7' };
  expect(calls.at(-1)).toEqual(['makeJoinToken', request]);
  terminal.type('\x1b');
  await terminal.see(/node7/);
});

test('a backup is made after root’s password, and its path is shown', async () => {
  const facts = { facts: CONTROL_PLANE, passwordState: async () => 'set' as const };
  const { terminal, calls } = await on('6d', /Each day/, facts);
  terminal.type('m');
  await terminal.see(/Password of root/);
  expect(calls).toEqual([]);
  terminal.type('right password\r');
  await terminal.see(/is in \/data\/backup\/nightly/);
  expect(calls).toEqual([['makeBackup']]);
});

test('without a passphrase the console makes no backup', async () => {
  const backups = async () => ({ ...BACKED_UP, hasPassphrase: false, problem: 'no passphrase' });
  const { terminal, calls } = await on('6d', /no passphrase/, {
    facts: { ...CONTROL_PLANE, backups },
  });
  expect(await terminal.text()).not.toContain('m Make one now');
  terminal.type('m\x1b');
  await terminal.see(/First password/);
  expect(calls).toEqual([]);
});

test('the address of the control plane is changed after root’s password, even with unreachable hosts if so chosen', async () => {
  const facts = { facts: CONTROL_PLANE, passwordState: async () => 'set' as const };
  const { terminal, calls } = await on('6r', /1 to 10\.0\.0\.7/, facts);
  terminal.type('c');
  await terminal.see(/up to two minutes/);
  terminal.type('\t\x1b[F\x7f\x7f\x7f\x7f8/24\t\t\t ');
  await terminal.see(/10\.0\.0\.8\/24[\s\S]*finds the address later/);
  terminal.type('\r');
  await terminal.see(/Password of root/);
  expect(calls).toEqual([]);
  terminal.type('right password\r');
  await terminal.see(/eth0 has 10\.0\.0\.8/);
  const wanted = { interface: 'eth0', address: '10.0.0.8', prefix: 24, gateway: '10.0.0.1' };
  expect(calls).toEqual([
    ['changeAddress', { ...wanted, dns: ['10.0.0.1', '9.9.9.9'], isUrgent: true }],
  ]);
});

test('a planned address that was never applied can be withdrawn', async () => {
  const address = async () => ({
    ...(await CONTROL_PLANE.address!(new AbortController().signal)),
    planned: ['https://10.0.0.8:9443'],
  });
  const { terminal, calls } = await on('6r', /w Withdraw/, {
    facts: { ...CONTROL_PLANE, address },
  });
  terminal.type('w');
  await terminal.see(/present addresses only/);
  expect(calls).toEqual([['withdrawAddress']]);
});

test('the first password is made after root’s password, and shown with the address and certificate to compare', async () => {
  const facts = { facts: CONTROL_PLANE, passwordState: async () => 'set' as const };
  const { terminal, calls } = await on('6a', /Enter Show it/, facts);
  terminal.type('\r');
  await terminal.see(/Password of root/);
  expect(calls).toEqual([]);
  terminal.type('right password\r');
  await terminal.see(/https:\/\/10\.0\.0\.7\b(?!:)[\s\S]*FEDC BA98 7654 3210 FEDC/);
  const shown = await terminal.text();
  expect(shown).toContain(`Password    ${ISSUED.password}`);
  expect(shown).toContain('User name   admin');
  expect(calls).toEqual([['issueFirstPassword']]);
  terminal.type('\x1b');
  await terminal.see(/Enter Show it/);
  expect(await terminal.text()).not.toContain(ISSUED.password);
});

test.each([
  [{ open: true, people: { port: 8443, fingerprint: 'ab'.repeat(32) } }, /\[2001:db8::7\]:8443/],
  [{ open: true, people: null }, /not served at the moment/],
])('the address of the API for people is shown in each state: %j', async (firstLogIn, seen) => {
  const host = async () => ({ ...HOST, managementAddress: '2001:db8::7' });
  const { deps } = machine({
    facts: { ...CONTROL_PLANE, host, firstLogIn: async () => firstLogIn },
  });
  const { terminal } = runConsole(deps);
  await terminal.see(/Management +2001/);
  terminal.type('6a');
  await terminal.see(/Enter Show it/);
  terminal.type('\r');
  await terminal.see(seen);
});

test('no first password is offered once somebody has logged in, or while the control plane does not answer', async () => {
  const used = async () => ({ open: false, people: null });
  const { terminal, calls } = await on('6a', /users reset-password NAME/, {
    facts: { ...CONTROL_PLANE, firstLogIn: used },
  });
  terminal.type('\r');
  await terminal.see(/has logged in already/);
  const silent = () => Promise.reject(new Error('qx-controlplane does not answer'));
  const other = await on('6a', /Not known: qx-controlplane does not answer/, {
    facts: { ...CONTROL_PLANE, firstLogIn: silent },
  });
  other.terminal.type('\r');
  await other.terminal.see(/Not known/);
  expect([...calls, ...other.calls]).toEqual([]);
});

test('an update is searched for, staged from its server or a stick, tried, and taken back', async () => {
  const { terminal, calls } = await on('6u', /serial 4/);
  for (const [keys, seen] of [
    ['c', /Done/],
    ['\r', /c Check/],
    ['b', /Done/],
    ['\r', /c Check/],
    ['f', /LOGS/],
    ['\r', /Done/],
    ['\r', /Enter Copy it to this machine/],
    ['\x1b', /c Check/],
    ['a', /Restart into/],
    ['y', /Done/],
    ['\r', /c Check/],
    ['r', /Go back/],
    ['y', /Done/],
  ] as const) {
    terminal.type(keys);
    await terminal.see(seen);
  }
  const program = 'qx-update';
  expect(calls).toEqual([
    ['run', { program, args: ['check'] }],
    ['run', { program, args: ['stage', '--background'] }],
    ['run', { program, args: ['stage', '--background', '--from', '/dev/sdb1'] }],
    ['run', { program, args: ['activate'] }],
    ['run', { program, args: ['rollback'] }],
  ]);
});

test('a system that is not installed offers no update, and shows why', async () => {
  const { terminal, calls } = await on('6u', /is not installed/, {
    facts: {
      ...HYPERVISOR,
      update: async () => ({
        ...{ ...UPDATES, state: 'live', booted: null, slots: [] },
        problem: 'this system runs from its medium and is not installed',
      }),
    },
  });
  terminal.type('cbfark');
  await terminal.see(/is not installed/);
  expect(calls).toEqual([]);
});
