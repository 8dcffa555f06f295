import { test } from 'vitest';
import type { Machine } from '../../build/qemu/machine.ts';
import { boot, imageOf, untilReady } from './story.ts';

/**
 * Ways to boot that no other story begins with. network.test.ts boots both from CD under BIOS, Quantix-OS from CD under
 * UEFI and QvDC from disk under UEFI; config-drive.test.ts boots Quantix-OS from disk under BIOS and under UEFI.
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
