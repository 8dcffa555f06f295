import { describe, expect, test } from 'vitest';
import { milestonesIn } from '../../build/qemu/milestones.ts';
import { boot, imageOf, logIn, succeed } from './story.ts';

const PROFILES = ['quantix-os', 'qvdc'];
const WAYS = [
  { firmware: 'bios', as: 'cdrom' },
  { firmware: 'bios', as: 'virtio' },
  { firmware: 'uefi', as: 'cdrom' },
  { firmware: 'uefi', as: 'virtio' },
] as const;

describe.each(PROFILES)('%s', (profile) => {
  test.each(WAYS)('boots under $firmware from $as, and says that it is ready', async (way) => {
    const { firmware, as } = way;
    await using story = await boot(`${profile}-${firmware}-${as}`, {
      firmware,
      medium: { as, image: imageOf(profile).iso },
    });
    await story.guest.waitForMilestone('ready');
    await story.guest.waitForMilestone('network');
    expect([...milestonesIn(story.guest.log).keys()]).toEqual([
      'kernel',
      'medium',
      'root',
      'network',
      'ready',
    ]);
    await story.screenshot();
    await logIn(story);
    expect(await succeed(story, 'rc-status --nocolor default')).not.toMatch(/stopped|crashed/);
    expect(await succeed(story, 'cat /etc/os-release')).toContain(`ID="${profile}"`);
    await story.guest.powerOff();
    story.expectGoodConsole();
  });
});
