import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openBlockDevice } from '../../../../apps/disk/open-block-device.ts';
import { findInstallation } from '../../../../apps/update/installation.ts';
import { type DiskLayout, findPartition } from '../../../../build/disk/layout.ts';
import { writeGpt } from '../../../../build/disk/write-installed-disk.ts';
import { DISK_BYTES, smallLayout } from '../../disk/installed.ts';
import { temporaryFolder } from '../../folder.ts';

/** A machine whose disks all have the same layout, and which was booted from slot A of that layout. */
async function machine(layout: DiskLayout, disks: readonly string[]): Promise<string> {
  const root = await temporaryFolder();
  await mkdir(join(root, 'proc'));
  await mkdir(join(root, 'dev'));
  const { guid } = findPartition(layout, 'a');
  const line = `quiet quantix.slot=a quantix.medium=PARTUUID=${guid.toUpperCase()} console=ttyS0\n`;
  await writeFile(join(root, 'proc/cmdline'), line);
  for (const disk of disks) {
    const file = join(root, 'dev', disk);
    await writeFile(file, '');
    await truncate(file, DISK_BYTES);
    await using device = await openBlockDevice(file, { write: true });
    await writeGpt(device, layout);
    for (const { number, name } of layout.partitions) {
      const folder = join(root, 'sys/block', disk, `${disk}${number}`);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'partition'), `${number}\n`);
      await writeFile(join(folder, 'uevent'), `DEVTYPE=partition\nPARTNAME=${name}\n`);
    }
  }
  return root;
}

const layout = smallLayout({ bytes: DISK_BYTES, sectorSize: 512 });

test('the disk that a system was booted from is found by the partition that the boot loader named', async () => {
  const root = await machine(layout, ['vda']);
  const found = await findInstallation(root);
  expect(found).toEqual({
    booted: 'a',
    efi: join(root, 'dev/vda2'),
    slots: { a: join(root, 'dev/vda3'), b: join(root, 'dev/vda4') },
  });
});

test('with a disk and its copy updates are refused, because either may be the booted one', async () => {
  const root = await machine(layout, ['sda', 'sdb']);
  await expect(findInstallation(root)).rejects.toThrow(/sda and sdb/);
});

test('a disk that is reached by two paths is one disk', async () => {
  const root = await machine(layout, ['sda', 'sdb']);
  for (const disk of ['sda', 'sdb']) {
    await mkdir(join(root, 'sys/block', disk, 'device'));
    await writeFile(join(root, 'sys/block', disk, 'device/wwid'), 'naa.5000c500a1b2c3d4\n');
  }
  expect(await findInstallation(root)).toMatchObject({ efi: join(root, 'dev/sda2') });
});

test('a slot that does not match the partition of the boot loader is refused', async () => {
  const root = await machine(layout, ['vda']);
  const { guid } = findPartition(layout, 'b');
  const line = `quantix.slot=a quantix.medium=PARTUUID=${guid}\n`;
  await writeFile(join(root, 'proc/cmdline'), line);
  await expect(findInstallation(root)).rejects.toThrow('booted slot a');
});
