import { expect } from 'vitest';
import { parseTimeState } from '../../apps/services/time.ts';
import type { Machine } from './world/machine.ts';
import { begin } from './world/story.ts';
import { test } from './world/test.ts';

const KEPT = '/quantix/time/servers';
const POOL = 'pool pool.ntp.org iburst maxsources 4';

/** Returns all sources of chronyd. */
const sources = (machine: Machine) =>
  machine.succeed('cat /run/quantix/ntp/*.sources 2>/dev/null || :');

const servers = (machine: Machine, words: string) => machine.sh('qx-time servers "$1"', words);

/** A stand-in for chronyc, with answers as chrony 4.3 of Debian gives them. */
async function standIn(machine: Machine, tracking: string, list = ''): Promise<void> {
  const script = `#!/bin/sh\ncase $* in *tracking) echo '${tracking}' ;; *sources) printf '${list}' ;; *) exit 1 ;; esac\n`;
  await machine.write('/usr/bin/chronyc', script);
  await machine.succeed('chmod 755 /usr/bin/chronyc');
}

for (const shell of ['ash', 'dash'] as const) {
  test(`chronyd uses the operator’s servers, else those of leases, else the pool (${shell})`, async () => {
    await using story = await begin(shell);
    const { machine } = story;
    await machine.succeed('qx-time refresh');
    expect(await sources(machine)).toBe(POOL);
    await machine.write('/run/quantix/ntp/eth0.sources', 'server 10.0.0.8 iburst\n');
    await machine.succeed('qx-time refresh');
    expect(await sources(machine)).toBe('server 10.0.0.8 iburst');
    const named = await servers(machine, 'ntp.example,10.0.0.9,2001:db8::9');
    expect(named).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(await sources(machine)).toBe(
      'server 10.0.0.8 iburst\nserver ntp.example iburst\nserver 10.0.0.9 iburst\nserver 2001:db8::9 iburst',
    );
    await machine.succeed('rm -r /run/quantix/ntp; qx-time refresh');
    expect(await sources(machine)).toMatch(/^server ntp\.example iburst\n/);
    // In a closed network, no server on the internet is asked, now and after a restart.
    expect(await servers(machine, 'none')).toMatchObject({ status: 0 });
    expect(await sources(machine)).toBe('');
    await machine.succeed('rm -r /run/quantix/ntp; qx-time refresh');
    expect(await sources(machine)).toBe('');
    expect(await servers(machine, 'default')).toMatchObject({ status: 0 });
    expect(await sources(machine)).toBe(POOL);
    expect(await machine.read(KEPT)).toBeUndefined();
  });
}

test('time servers of the control plane are used besides the operator’s, unless the operator set none', async () => {
  await using story = await begin();
  const { machine } = story;
  const handDown = (words: string) => machine.sh('qx-time handed-down "$1"', words);
  expect(await handDown('192.0.2.1,ntp.example')).toEqual({ status: 0, stdout: '', stderr: '' });
  expect(await sources(machine)).toBe('server 192.0.2.1 iburst\nserver ntp.example iburst');
  await servers(machine, '10.0.0.9,192.0.2.1');
  expect(await sources(machine)).toBe(
    'server 10.0.0.9 iburst\nserver 192.0.2.1 iburst\nserver ntp.example iburst',
  );
  expect(await handDown('a b')).toMatchObject({ status: 1 });
  await servers(machine, 'none');
  expect(await sources(machine)).toBe('');
  await servers(machine, 'default');
  expect(await sources(machine)).toMatch(/192\.0\.2\.1/);
  expect(await handDown('none')).toMatchObject({ status: 0 });
  expect(await sources(machine)).toBe(POOL);
  expect(await machine.files()).toEqual([]);
});

test('a stale socket of chronyd does not block qx-time', async () => {
  await using story = await begin();
  const { machine } = story;
  const left = '/run/chrony/chronyd.sock';
  await machine.succeed(
    `mkdir -p /run/chrony; ln -s /dev/log ${left}; syslogd -n -O /tmp/log & until [ -S ${left} ]; do usleep 50000; done; kill $!`,
  );
  expect(await machine.sh('qx-time refresh')).toEqual({
    status: 0,
    stdout: '',
    stderr: 'qx-time: chronyd does not answer',
  });
  expect(await sources(machine)).toBe(POOL);
});

test('an invalid time server is refused, and a file that names one is set aside and reported', async () => {
  await using story = await begin();
  const { machine } = story;
  for (const wrong of ['', 'a b', '10.0.0.256', '10.0.0', 'a,', '$(x)', 'fe80::1', '-a', 'a\nb']) {
    expect(await servers(machine, wrong)).toMatchObject({ status: 1 });
  }
  expect(await servers(machine, 'a,b,c,d,e,f,g,h,i')).toMatchObject({
    status: 1,
    stderr: 'qx-time: more than 8 servers',
  });
  await machine.write(KEPT, 'server 10.0.0.9\ncommand\n');
  expect(await machine.sh('qx-time refresh')).toMatchObject({ status: 0 });
  expect(await sources(machine)).toBe(POOL);
  expect((await machine.status()).problems).toEqual([
    `${KEPT}.rejected: set aside because it has a mistake; remove this file once the mistake is corrected`,
  ]);
  expect(await servers(machine, '10.0.0.9')).toMatchObject({ status: 0 });
  expect((await machine.status()).problems).toEqual([]);
});

test('without persistent storage time servers last until the next boot', async () => {
  await using story = await begin();
  const { machine } = story;
  await machine.succeed('umount /quantix; umount /quantix');
  expect(await servers(machine, '10.0.0.9')).toMatchObject({
    status: 0,
    stderr: expect.stringMatching('until the next boot') as string,
  });
  expect(await sources(machine)).toBe('server 10.0.0.9 iburst');
  expect(await machine.files()).toEqual(['/etc/quantix/time/servers']);
});

test('the status is that of chronyd, or says that chronyd does not answer', async () => {
  await using story = await begin();
  const { machine } = story;
  const state = async () => parseTimeState(await machine.succeed('qx-time status --json'));
  expect(await state()).toMatchObject({ servers: null, synchronized: null, sources: [] });
  await servers(machine, '10.0.0.9,ntp.example');
  await standIn(
    machine,
    '0A000009,10.0.0.9,3,1795554963.123456789,-0.000012345,0.000001,0.00001,1.0,0.0,0.1,0.001,0.002,64.2,Normal',
    '^,*,10.0.0.9,2,6,377,12,-0.000001,-0.000002,0.0001\\n^,?,192.0.2.1,0,6,0,4294967295,0,0,0\\n^,?,\x1b[2J,0,6,0,1,0,0,0\\n',
  );
  expect(await state()).toEqual({
    servers: ['10.0.0.9', 'ntp.example'],
    synchronized: true,
    reference: '10.0.0.9',
    offset: -0.000012345,
    sources: [
      { address: '10.0.0.9', state: 'selected' },
      { address: '192.0.2.1', state: 'silent' },
    ],
  });
  expect(await machine.succeed('qx-time status')).toMatch(/^The clock is set by 10\.0\.0\.9/m);
  await standIn(machine, '00000000,,0,0.0,0.000000000,0,0,0,0,0,1,1,0.0,Not synchronised');
  expect(await state()).toMatchObject({ synchronized: false, reference: '' });
  await standIn(machine, '\x1b[2J","x":"');
  expect(await state()).toMatchObject({ synchronized: null });
});
