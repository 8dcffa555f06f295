import { expect, test } from 'vitest';
import { readDataDisk } from '../../../../apps/host/data-disk.ts';
import { makeRootFolder } from './root-folder.ts';

const mount = (device: string, folder: string, path: string, options = 'rw') =>
  `30 1 ${device} ${folder} ${path} rw,noatime - ext4 /dev/vdb ${options}`;

const look = async (mounts: string[], files: Record<string, string> = {}) =>
  await readDataDisk(
    await makeRootFolder({ 'proc/self/mountinfo': `${mounts.join('\n')}\n`, ...files }),
  );

const DISK = mount('253:16', '/', '/data');
const DEFINITIONS = mount('253:16', '/libvirt/qemu', '/etc/libvirt/qemu');

test('definitions on the data disk are persistent', async () => {
  expect(await look([DISK, DEFINITIONS])).toEqual({ state: 'used', problem: null });
});

test('a missing data disk is reported with the message of the boot', async () => {
  const inMemory = mount('0:25', '/upper/data/libvirt/qemu', '/etc/libvirt/qemu');
  expect(await look([inMemory])).toEqual({ state: 'absent', problem: 'there is no data disk' });
  expect(
    await look([inMemory], { 'run/quantix/not-persistent': 'gone at a restart: no disk\n' }),
  ).toEqual({ state: 'absent', problem: 'gone at a restart: no disk' });
});

test.each([
  ['is not mounted', [], { 'run/quantix/unmounted-data': 'two have it\n' }, 'two have it'],
  ['cannot be written', [DISK], { 'run/quantix/not-persistent': 'not started\n' }, 'not started'],
  ['is not in use', [DISK], {}, 'no folder of /data is in use'],
  [
    'was made read-only by the kernel',
    [mount('253:16', '/', '/data', 'ro'), DEFINITIONS],
    {},
    '/data can only be read',
  ],
])('a data disk that %s is reported as unusable', async (_, mounts, files, problem) => {
  expect(await look(mounts, files)).toEqual({ state: 'unusable', problem });
});
