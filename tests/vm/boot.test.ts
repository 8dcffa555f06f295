import { test } from 'vitest';
import type { Machine } from '../../build/qemu/machine.ts';
import { boot, imageOf, untilReady } from './story.ts';

/**
 * Ways to boot that no other story begins with. Others are: Quantix-OS on `pc` from an IDE CD under BIOS and on `q35`
 * from an AHCI CD under UEFI, QvDC from a virtio-scsi CD under BIOS and from NVMe under UEFI (network.test.ts), from a
 * SATA disk under both (config-drive.test.ts), from a USB stick under UEFI (hardware.test.ts); medium.test.ts has those
 * that differ in nothing but where the medium is.
 */
const WAYS = [
  { firmware: 'bios', from: 'disk', drive: { as: 'disk', bus: 'virtio' }, cpus: 1 },
  { firmware: 'uefi', from: 'CD', drive: { as: 'cdrom' }, cpus: 2 },
] as const;

test.each(WAYS)(
  'QvDC boots unattended under $firmware from $from, and says that it is ready',
  async (way) => {
    const { firmware, from, drive, cpus } = way;
    const machine: Machine = { firmware, medium: { ...drive, image: imageOf('qvdc').iso }, cpus };
    await using story = await boot(`qvdc-${firmware}-${from}`, machine, 'nobody');
    await untilReady(story);
    await story.screenshot();
    story.expectGoodConsole();
  },
);
