import { expect, test } from 'vitest';
import { readService, readServices } from '../../../../apps/services/state.ts';
import { type Files, makeRootFolder } from '../host/root-folder.ts';

/** OpenRC's record of a daemon (librc-daemon.c). */
const note = (pidFile: string) => `exec=/usr/sbin/x\nargv_0=/usr/sbin/x\nname=\npidfile=${pidFile}`;

const MACHINE: Files = {
  'etc/init.d/sshd': '#!/sbin/openrc-run\n',
  'etc/init.d/libvirtd': '#!/sbin/openrc-run\n',
  'etc/init.d/functions.sh': '',
  'etc/runlevels/boot/syslog': '-> /etc/init.d/syslog',
  'etc/runlevels/default/libvirtd': '-> /etc/init.d/libvirtd',
  'etc/runlevels/default/qx-node': '-> /etc/init.d/qx-node',
  'run/openrc/started/syslog': '-> /etc/init.d/syslog',
  'run/openrc/started/libvirtd': '-> /etc/init.d/libvirtd',
  'run/openrc/started/qx-node': '-> /etc/init.d/qx-node',
  'run/openrc/started/net': '-> /etc/init.d/net',
  'run/openrc/stopping/net': '-> /etc/init.d/net',
  'run/openrc/failed/redis': '-> /etc/init.d/redis',
  'run/openrc/inactive/wlan': '-> /etc/init.d/wlan',
  'run/openrc/daemons/syslog/001': note('/run/syslog.pid'),
  'run/openrc/daemons/libvirtd/001': note('/run/libvirtd.pid'),
  'run/openrc/daemons/qx-node/001': note('/run/qx-node.pid'),
  'run/openrc/options/syslog/start_count': '2\n',
  'run/openrc/options/libvirtd/start_count': 'many',
  'run/syslog.pid': '70\n',
  'run/libvirtd.pid': '71\n',
  'proc/70/stat': '70 (syslogd) S 1\n',
};

test('services are reported with OpenRC’s state, or as crashed if their process is gone', async () => {
  const services = await readServices(await makeRootFolder(MACHINE));
  expect(Object.fromEntries(services.map(({ name, state }) => [name, state]))).toEqual({
    libvirtd: 'crashed',
    net: 'stopping',
    'qx-node': 'crashed',
    redis: 'failed',
    sshd: 'stopped',
    syslog: 'started',
    wlan: 'inactive',
  });
  expect(services.find(({ name }) => name === 'libvirtd')?.runlevels).toEqual(['default']);
});

test('a single service can be read; an unknown one is missing', async () => {
  const root = await makeRootFolder(MACHINE);
  expect(await readService('syslog', root)).toEqual({
    name: 'syslog',
    state: 'started',
    restarts: 2,
    runlevels: ['boot'],
  });
  expect(await readService('nonesuch', root)).toBeNull();
  expect(await readServices('/nonexistent')).toEqual([]);
});

test.each(['', '\0\xff', 'pidfile=', 'pidfile=relative', 'x'.repeat(100_000)])(
  'with a daemon file like %j the service counts as running',
  async (text) => {
    const root = await makeRootFolder({ ...MACHINE, 'run/openrc/daemons/syslog/001': text });
    expect((await readService('syslog', root))?.state).toBe('started');
  },
);

test('with an invalid pid file the service counts as crashed', async () => {
  const root = await makeRootFolder({ ...MACHINE, 'run/syslog.pid': '../70\n' });
  expect((await readService('syslog', root))?.state).toBe('crashed');
});
