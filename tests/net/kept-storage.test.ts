import { expect } from 'vitest';
import { Machine } from './world/machine.ts';
import { makeTemplate, type Shell } from './world/template.ts';
import { test } from './world/test.ts';

const SHELLS: readonly Shell[] = ['ash', 'dash'];
const LIST = '/etc/lvm/devices/system.devices';
const KEPT_LIST = '/quantix/lvm/system.devices';
const NAME = '/etc/iscsi/initiatorname.iscsi';
const KEPT_NAME = '/quantix/iscsi/initiatorname.iscsi';
const KEEP = '/usr/lib/quantix/storage/lvm-devices';
const GIVE_NAME = '/usr/lib/quantix/storage/initiator-name';

/** Prints a new name of an initiator at each call. */
const INAME = '#!/bin/sh\necho "iqn.2004-10.com.example:01:$(cat /proc/sys/kernel/random/uuid)"\n';

/** A machine that boots with these files on its configuration disk. */
async function machine(shell: Shell, kept: Readonly<Record<string, string>> = {}) {
  const stack = new AsyncDisposableStack();
  const { root } = stack.use(await makeTemplate(shell, [], 'quantix-os'));
  const one = stack.use(await Machine.create(root));
  await one.write('/usr/sbin/iscsi-iname', INAME);
  await one.succeed('chmod 755 /usr/sbin/iscsi-iname; : >/dev/kmsg');
  for (const [file, text] of Object.entries(kept)) await one.write(file, text);
  return { one, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const readOnly = 'mount -o remount,bind,ro /quantix';

test.each(SHELLS)(
  'LVM sees no disks until some are assigned, and the list is kept over a restart (%s)',
  async (shell) => {
    await using fresh = await machine(shell);
    await fresh.one.succeed(KEEP);
    // An empty list hides all disks; without a list, LVM would see all of them.
    expect(await fresh.one.read(LIST)).toMatch(/^#.*$/);
    expect(await fresh.one.read(KEPT_LIST)).toBeUndefined();
    await fresh.one.succeed(`${KEEP} keep && ${KEEP} keep && echo IDNAME=S1 >>${LIST}`);
    const kept = (await fresh.one.read(KEPT_LIST)) ?? '';
    expect(kept).toContain('IDNAME=S1');
    await using again = await machine(shell, { [KEPT_LIST]: kept });
    await again.one.succeed(KEEP);
    expect(await again.one.read(LIST)).toBe(kept);
  },
);

test('if the list of LVM devices cannot be kept, that is reported, and all devices stay hidden', async () => {
  await using fresh = await machine('ash');
  const { status, stderr } = await fresh.one.sh(`${readOnly}; ${KEEP} keep`);
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: expect.stringContaining('lasts until the next boot'),
  });
  expect(await fresh.one.read(LIST)).toMatch(/^#.*$/);
});

test.each(SHELLS)(
  'the iSCSI initiator name is generated once, and stays the same after a restart (%s)',
  async (shell) => {
    await using fresh = await machine(shell);
    await fresh.one.succeed(GIVE_NAME);
    const name = (await fresh.one.read(NAME)) ?? '';
    expect(name).toMatch(/^InitiatorName=iqn\.2004-10\.com\.example:01:[0-9a-f-]{36}$/);
    await fresh.one.succeed(GIVE_NAME);
    expect(await fresh.one.read(NAME)).toBe(name);
    await using again = await machine(shell, { [KEPT_NAME]: name });
    await again.one.succeed(GIVE_NAME);
    expect(await again.one.read(NAME)).toBe(name);
    await using other = await machine(shell);
    await other.one.succeed(GIVE_NAME);
    expect(await other.one.read(NAME)).not.toBe(name);
  },
);

test('an invalid iSCSI initiator name is set aside, and another one is generated', async () => {
  await using fresh = await machine('ash');
  for (const text of ['', 'InitiatorName=', 'InitiatorName=iqn.2004-10.com.example:a b', 'x']) {
    await fresh.one.write(KEPT_NAME, text);
    const { status, stderr } = await fresh.one.sh(GIVE_NAME);
    expect(status).toBe(0);
    expect(stderr).toContain('set aside as initiatorname.iscsi.rejected');
    expect(await fresh.one.read(NAME)).toMatch(/^InitiatorName=iqn\./);
    expect(await fresh.one.read(KEPT_NAME)).toBe(await fresh.one.read(NAME));
  }
});

test('the initiator name of a host without persistent storage lasts until the next boot, with a warning', async () => {
  await using fresh = await machine('ash');
  const { status, stderr } = await fresh.one.sh(`${readOnly}; ${GIVE_NAME}`);
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: expect.stringContaining('lasts until the next boot'),
  });
  expect(await fresh.one.read(NAME)).toMatch(/^InitiatorName=iqn\./);
});

test('at shutdown pools are unmounted before the disk that holds their folders, nested ones first', async () => {
  await using host = await machine('ash');
  const cover = (path: string) =>
    `mkdir -p ${path}; mount -t tmpfs -o ro quantix-unmounted ${path}; mount -t tmpfs pool ${path}`;
  await host.one.succeed(
    `${cover('/pools/a')}; ${cover('/pools/a/b')}; ${cover('"/pools/with blank"')}`,
  );
  const service = 'ebegin() { :; }; eend() { :; }; depend() { :; }; . /etc/init.d/mount-ro';
  await host.one.succeed(`${service}; unmount_pools`);
  expect(await host.one.read('/proc/self/mountinfo')).not.toMatch(/pools|quantix-unmounted/);
});
