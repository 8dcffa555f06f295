import { test } from 'vitest';
import type { Machine } from '../../build/qemu/machine.ts';
import { boot, imageOf, untilReady } from './story.ts';

/**
 * Ways to boot that no other story begins with. network.test.ts boots both from CD under BIOS, Quantix-OS from CD under
 * UEFI and QvDC from disk under UEFI; config-drive.test.ts boots Quantix-OS from disk under BIOS and under UEFI.
 */
const WAYS = [
  { firmware: 'bios', as: 'virtio', cpus: 1 },
  { firmware: 'uefi', as: 'cdrom', cpus: 2 },
] as const;

test.each(WAYS)(
  'QvDC boots unattended under $firmware from $as, and says that it is ready',
  async (way) => {
    const { firmware, as, cpus } = way;
    const machine: Machine = { firmware, medium: { as, image: imageOf('qvdc').iso }, cpus };
    await using story = await boot(`qvdc-${firmware}-${as}`, machine, 'nobody');
    await untilReady(story);
    await story.screenshot();
    story.expectGoodConsole();
  },
);
