import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Machine } from './world/machine.ts';
import type { Outcome } from './world/namespace.ts';
import { makeTemplate, type Shell } from './world/template.ts';
import { test } from './world/test.ts';

const SERVICE =
  'export RC_SVCNAME=quantix-data; exec sh /lib/rc/sh/openrc-run.sh /etc/init.d/quantix-data start';
const ACCOUNTS = ['root', 'postgres', 'etcd', 'redis', 'quantix'];

/** An appliance that can be restarted, and may have a data disk: a folder of the host, which outlives restarts. */
interface Appliance extends AsyncDisposable {
  /** The data disk. */
  disk: string;
  /** Boots until the service has run. Returns its output, and the machine, which ends at the next boot. */
  boot: (found: 'disk' | 'no disk' | 'a disk that is not mounted' | 'a read-only disk') => Promise<{
    machine: Machine;
    outcome: Outcome;
  }>;
}

async function appliance(product: 'quantix-os' | 'qvdc', shell: Shell = 'ash'): Promise<Appliance> {
  const stack = new AsyncDisposableStack();
  const { root } = stack.use(await makeTemplate(shell, ['mountpoint'], product));
  const disk = await mkdtemp(join(tmpdir(), 'quantix-data-'));
  stack.defer(() => rm(disk, { recursive: true }));
  let running: Machine | undefined;
  stack.defer(async () => await running?.[Symbol.asyncDispose]());
  const boot: Appliance['boot'] = async (found) => {
    await running?.[Symbol.asyncDispose]();
    const machine = await Machine.create(root);
    running = machine;
    const entries = ACCOUNTS.map((name, index) => `${name}:x:${index}:${index}::/:/bin/sh\n`);
    await machine.write('/etc/passwd', entries.join(''));
    await machine.write('/etc/group', ACCOUNTS.map((name, id) => `${name}:x:${id}:\n`).join(''));
    await machine.succeed('mkdir -p /data /sys/fs /run/quantix && : >/dev/kmsg');
    if (found === 'disk' || found === 'a read-only disk') {
      const options = found === 'disk' ? 'rw' : 'ro';
      const attach = 'mount --bind "$0" /mnt/root/data && mount -o remount,bind,$1 /mnt/root/data';
      const host = ['sh', '-c', `${attach} && shift && exec "$@"`, disk, options];
      expect(await machine.by(host, ['/bin/true'])).toMatchObject({ status: 0, stderr: '' });
    } else if (found === 'a disk that is not mounted') {
      await machine.write('/run/quantix/unmounted-data', 'two are labelled so\n');
    }
    return { machine, outcome: await machine.sh(SERVICE) };
  };
  return { disk, boot, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Rows of the second list of docs/persistence.md for an appliance: folders below `/data`. */
async function listed(product: string): Promise<string[]> {
  const text = await readFile(join(import.meta.dirname, '../../docs/persistence.md'), 'utf8');
  const [, data = ''] = text.split('\n## Data\n');
  return [...data.matchAll(/^\| `([a-z]+)\/` +\| ([a-zA-Z-]+) /gm)]
    .filter(([, , whose = '']) => ['both', product].includes(whose.toLowerCase()))
    .map(([, folder = '']) => folder);
}

test.each(['quantix-os', 'qvdc'] as const)(
  'the data disk of %s has the documented folders, and programs find their data there after a restart',
  async (product) => {
    await using host = await appliance(product);
    const { machine, outcome } = await host.boot('disk');
    expect(outcome).toMatchObject({ status: 0, stderr: '' });
    const folders = await listed(product);
    expect((await readdir(host.disk)).sort()).toEqual(folders.sort());
    const places = (
      await machine.succeed(
        'awk \'$4 != "/" && $5 ~ /^.(etc|var)./ { print $5 }\' /proc/self/mountinfo',
      )
    ).split('\n');
    expect(places.length).toBeGreaterThan(3);
    const files = [...places, ...folders.map((name) => `/data/${name}`)].map(
      (folder) => `${folder}/mark`,
    );
    for (const file of files) await machine.write(file, file);
    // The same folder may be in the list twice, as a folder of the disk and as its mount point, so each file is read
    // after all were written.
    const written = new Map<string, string | undefined>();
    for (const file of files) written.set(file, await machine.read(file));
    expect([...written.values()]).not.toContain(undefined);
    const again = await host.boot('disk');
    expect(again.outcome).toMatchObject({ status: 0, stderr: '' });
    for (const file of files) expect(await again.machine.read(file)).toBe(written.get(file));
    expect(await again.machine.read('/run/quantix/not-persistent')).toBeUndefined();
  },
);

test.each(['ash', 'dash'] as const)(
  'machines, their autostart and changed definitions of the image are kept over a restart (%s)',
  async (shell) => {
    await using host = await appliance('quantix-os', shell);
    const { machine } = await host.boot('disk');
    const vm = '/etc/libvirt/qemu/web.xml';
    await machine.write(vm, '<domain/>');
    await machine.succeed(
      `mkdir -p /etc/libvirt/qemu/autostart && ln -s ${vm} /etc/libvirt/qemu/autostart/`,
    );
    expect(await machine.read('/etc/libvirt/storage/autostart/vms.xml')).toContain('/data/vms');
    await machine.write('/etc/libvirt/storage/vms.xml', 'changed');
    await machine.succeed(
      'rm /etc/libvirt/storage/autostart/vms.xml /etc/libvirt/storage/images.xml',
    );
    const again = await host.boot('disk');
    expect(await again.machine.read('/etc/libvirt/qemu/autostart/web.xml')).toBe('<domain/>');
    expect(await again.machine.read('/etc/libvirt/storage/vms.xml')).toBe('changed');
    expect(await again.machine.read('/etc/libvirt/storage/autostart/vms.xml')).toBeUndefined();
    expect(await again.machine.read('/etc/libvirt/storage/images.xml')).toContain('/data/images');
    // A second start of the service changes nothing.
    expect(await again.machine.sh(SERVICE)).toMatchObject({ status: 0, stderr: '' });
  },
);

test('for a boot chart a service logs to the kernel when its start begins and ends', async () => {
  await using host = await appliance('quantix-os');
  const { machine } = await host.boot('disk');
  await machine.succeed('ln -sf /proc/self/fd/2 /dev/kmsg');
  const told = async (parameter: string) =>
    await machine.succeed(`(export ${parameter}; ${SERVICE}) 2>&1 | cat`);
  expect(await told('BOOT_CHART=yes')).toBe(
    '<4>openrc: begin quantix-data\n<4>openrc: end quantix-data',
  );
  expect(await told('BOOT_CHART=')).toBe('');
});

test('folders that programs expect below a bind mount of the disk exist, with their owners', async () => {
  await using host = await appliance('quantix-os');
  const { machine } = await host.boot('no disk');
  // virtlogd opens the logs of guests in this folder, but does not create it.
  expect(await machine.succeed('ls -d /var/log/libvirt/qemu')).toBe('/var/log/libvirt/qemu');
  await machine.succeed('umount /var/log && rm -r /data/log');
  await machine.succeed('mkdir -p -m 750 /var/log/of-image/inner && chown 2:3 /var/log/of-image');
  expect(await machine.sh(SERVICE)).toMatchObject({ status: 0 });
  const owner = "stat -c '%u:%g %F' /data/log/of-image /var/log/of-image/inner";
  expect(await machine.succeed(owner)).toBe('2:3 directory\n0:0 directory');
});

test('without a disk everything works in memory, with a warning', async () => {
  await using host = await appliance('quantix-os');
  const { machine, outcome } = await host.boot('no disk');
  expect(outcome.status).toBe(0);
  const told = 'virtual machines and their disks are gone at a restart: no disk';
  expect(outcome.stderr).toContain(told);
  expect(await machine.read('/dev/kmsg')).toContain(told);
  expect(await machine.read('/run/quantix/not-persistent')).toContain(told);
  expect(await machine.read('/etc/libvirt/storage/autostart/vms.xml')).toContain('/data/vms');
  await machine.write('/etc/libvirt/qemu/web.xml', '<domain/>');
  expect(await machine.read('/data/libvirt/qemu/web.xml')).toBe('<domain/>');
});

test.each([
  ['a disk that is not mounted', 'two are labelled so'],
  ['a read-only disk', 'cannot be written'],
] as const)('%s is not replaced by empty folders', async (found, why) => {
  await using host = await appliance('quantix-os');
  const { machine, outcome } = await host.boot(found);
  expect(outcome.status).not.toBe(0);
  expect(outcome.stderr).toMatch(
    new RegExp(`libvirt and the virtual machines are not started: .*${why}`),
  );
  expect(await machine.succeed('ls /data')).toBe('');
  expect(await machine.sh('mountpoint /var/lib/libvirt')).not.toMatchObject({ status: 0 });
});

test('kernel crash logs are copied to the disk before the firmware’s copy is removed; the oldest are deleted', async () => {
  await using host = await appliance('quantix-os');
  await mkdir(join(host.disk, 'crash'));
  const { machine } = await host.boot('disk');
  await machine.succeed('for i in $(seq 100 170); do : >/data/crash/19700101T000$i-old; done');
  const start = `export pstore=/tmp/pstore; ${SERVICE}`;
  await machine.write('/tmp/pstore/dmesg-efi-1', 'Kernel panic');
  await machine.succeed('touch -d "2026-11-27 10:00:00" /tmp/pstore/dmesg-efi-1');
  expect(await machine.sh(start)).toMatchObject({ status: 0, stderr: '' });
  const kept = await readdir(join(host.disk, 'crash'));
  expect(kept).toHaveLength(64);
  expect(kept.toSorted().at(-1)).toBe('20261127T100000Z-dmesg-efi-1');
  expect(await machine.succeed('ls /tmp/pstore')).toBe('');
  // A crash record that cannot be stored stays in pstore.
  await rm(join(host.disk, 'crash'), { recursive: true });
  await machine.write('/data/crash', 'no folder');
  await machine.write('/tmp/pstore/dmesg-efi-2', 'Kernel panic');
  const failed = await machine.sh(start);
  expect(failed).toMatchObject({ status: 0 });
  expect(failed.stderr).toContain('stays in the firmware');
  expect(await machine.succeed('ls /tmp/pstore')).toBe('dmesg-efi-2');
});

test('the system log continues in the same files after a restart, within its size limit', async () => {
  await using host = await appliance('quantix-os');
  const log = async (machine: Machine, lines: string) =>
    await machine.by(
      ['unshare', '--ipc', '--'],
      [
        '/bin/sh',
        '-c',
        `busybox syslogd -n -C64 & until [ -e /dev/log ]; do usleep 20000; done
export QX_LOG_SIZE=2000 QX_LOG_KEPT=2
${lines}
/usr/lib/quantix/keep-log /var/log/system & 
until grep -q 'the last one$' /var/log/system/messages; do usleep 50000; done; kill -9 -1`,
      ],
    );
  await log((await host.boot('disk')).machine, 'logger -t one first; logger -t one the last one');
  const { machine } = await host.boot('disk');
  expect(await machine.succeed('cat /var/log/system/messages')).toMatch(
    /one: first\n.*the last one$/,
  );
  await machine.succeed('sed -i s/last// /var/log/system/messages');
  await log(machine, 'for i in $(seq 100); do logger -t two line $i; done; logger the last one');
  const files = await readdir(join(host.disk, 'log/system'));
  expect(files.sort()).toEqual(['messages', 'messages.1', 'messages.2']);
  const sizes = await machine.succeed(
    'wc -c /var/log/system/* | awk \'$1 > 2000 && $2 != "total"\'',
  );
  expect(sizes).toBe('');
});
