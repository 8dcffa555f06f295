import { expect, test } from 'vitest';
import { milestonesIn } from '../../build/qemu/milestones.ts';
import { boot, imageOf } from './story.ts';

/**
 * Ways to boot that no other story begins with: network.test.ts boots both from CD under BIOS, config-drive.test.ts
 * Quantix-OS from disk under BIOS, agent.test.ts from CD under UEFI.
 */
const WAYS = [
  { profile: 'quantix-os', firmware: 'uefi', as: 'virtio', cpus: 2 },
  { profile: 'qvdc', firmware: 'bios', as: 'virtio', cpus: 1 },
  { profile: 'qvdc', firmware: 'uefi', as: 'cdrom', cpus: 2 },
  { profile: 'qvdc', firmware: 'uefi', as: 'virtio', cpus: 1 },
] as const;

test.each(WAYS)(
  '$profile boots under $firmware from $as, and says that it is ready',
  async (way) => {
    const { profile, firmware, as, cpus } = way;
    await using story = await boot(`${profile}-${firmware}-${as}`, {
      firmware,
      medium: { as, image: imageOf(profile).iso },
      cpus,
    });
    await story.guest.waitForMilestone('ready');
    await story.guest.waitForMilestone('network');
    const milestones = [...milestonesIn(story.guest.log).keys()];
    expect(milestones).toEqual(['kernel', 'medium', 'root', 'network', 'ready']);
    await story.screenshot();
    story.expectGoodConsole();
  },
);
