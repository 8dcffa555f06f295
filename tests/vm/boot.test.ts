import { expect, test } from 'vitest';
import type { Machine, Medium } from '../../build/qemu/machine.ts';
import { buildImage } from './build-images.ts';
import { boot, imageOf, untilReady } from './story.ts';

/**
 * Ways to boot that no other story begins with. Others are: Quantix-OS on `pc` from an IDE CD under BIOS and on `q35`
 * from an AHCI CD under UEFI, QvDC from a virtio-scsi CD under BIOS and from NVMe under UEFI (network.test.ts), from a
 * SATA disk under both (config-drive.test.ts), from a USB stick with FAT under UEFI (hardware.test.ts); medium.test.ts has those
 * that differ in nothing but where the medium is. The disk here is a
 * qcow2.
 */
const WAYS = [
  {
    ...({ firmware: 'bios', from: 'disk', cpus: 1 } as const),
    medium: async (): Promise<Medium> => {
      const image = await buildImage('qvdc', '--format', 'qcow2');
      return { as: 'disk', bus: 'virtio', image, format: 'qcow2' };
    },
  },
  {
    ...({ firmware: 'uefi', from: 'CD', cpus: 2 } as const),
    medium: async (): Promise<Medium> => ({ as: 'cdrom', image: imageOf('qvdc').iso }),
  },
];

test.each(WAYS)(
  'QvDC boots unattended under $firmware from $from, says that it is ready, and that it forgets: it has no disk for data',
  async (way) => {
    const { firmware, from, cpus } = way;
    const machine: Machine = { firmware, medium: await way.medium(), cpus };
    await using story = await boot(`qvdc-${firmware}-${from}`, machine, 'nobody');
    await untilReady(story);
    expect(story.guest.log).toContain('this machine forgets all at a restart');
    await story.screenshot();
    story.expectGoodConsole();
  },
);
