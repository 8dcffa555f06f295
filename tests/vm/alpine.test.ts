import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadProfile } from '../../build/profile/load.ts';
import { findSettings } from '../../build/profile/profile.ts';
import { milestonesIn } from '../../build/qemu/milestones.ts';
import { buildAlpineImage } from './alpine-image.ts';
import { PROJECT } from './build-images.ts';
import { boot, logIn, type Story, succeed, untilReady } from './story.ts';

describe('an image of the Alpine base', () => {
  let story: Story;

  beforeAll(async () => {
    const iso = await buildAlpineImage('quantix-os');
    story = await boot('quantix-os-alpine-bios-cdrom', {
      firmware: 'bios',
      medium: { as: 'cdrom', image: iso },
    });
    await untilReady(story);
    await logIn(story);
  });

  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  test('boots from CD under BIOS as far as one of Debian', () => {
    const milestones = [...milestonesIn(story.guest.log).keys()];
    expect(milestones).toEqual(['kernel', 'medium', 'root', 'network', 'ready']);
  });

  test('says of which base it is', async () => {
    const release = await succeed(story, 'cat /etc/os-release');
    expect(release).toContain('QUANTIX_BASE="alpine"');
    expect(release).toContain('ID="quantix-os"');
  });

  test('has apk’s database, with every package that the profile asks for', async () => {
    const profile = await loadProfile(PROJECT, 'quantix-os');
    const { packages, kernel } = findSettings(profile, 'alpine');
    const listed = await succeed(story, "sed -n 's/^P://p' /lib/apk/db/installed");
    const installed = new Set(listed.split('\n'));
    expect([...packages, kernel.full].filter((name) => !installed.has(name))).toEqual([]);
    expect(await succeed(story, 'cat /etc/apk/world')).toContain('libvirt-daemon\n');
  });

  test('runs its services', async () => {
    const status = await succeed(story, 'rc-status --nocolor default');
    expect(status).not.toMatch(/stopped|crashed/);
    for (const service of ['chronyd', 'dbus', 'libvirtd', 'syslog']) {
      expect(status).toMatch(new RegExp(`${service} +\\[ +started`));
    }
  });

  test('answers to virsh, and guests would not run as root', async () => {
    await succeed(story, 'virsh --connect qemu:///system version');
    expect(await succeed(story, 'cat /etc/libvirt/qemu.conf')).toContain('user = "libvirt-qemu"');
  });

  test('was made without running any script of a package', async () => {
    await succeed(story, 'test ! -e /script-was-run');
    expect(await succeed(story, 'tar -tf /lib/apk/db/scripts.tar')).toContain('busybox-');
  });

  test('turns SSH on and off, and has the password that was set', async () => {
    const ssh =
      'qx-ssh on --minutes 5 && qx-ssh status --json && qx-ssh off && qx-ssh status --json';
    expect(await succeed(story, ssh)).toMatch(
      /"state":"on","until":\d+[\s\S]*"state":"off","until":null/,
    );
    expect(await succeed(story, 'sshd -T')).toMatch(/^passwordauthentication no$/m);
    await succeed(
      story,
      'echo "correct horse" | qx-password set; qx-password status | grep -x set',
    );
    await succeed(story, 'echo "correct horse" | qx-password check');
  });

  test('powers off, and nothing bad was on its console', async () => {
    await story.screenshot();
    await story.guest.powerOff();
    story.expectGoodConsole();
  });
});
