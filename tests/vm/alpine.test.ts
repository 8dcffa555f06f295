import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { healthSchema } from '../../apps/api/health.ts';
import { openBlockDevice } from '../../apps/disk/open-block-device.ts';
import { KERNEL_PATH } from '../../build/image/grub-model.ts';
import { loadProfile } from '../../build/profile/load.ts';
import { findSettings } from '../../build/profile/profile.ts';
import { findMilestones } from '../../build/qemu/milestones.ts';
import { findFreePort } from '../../tasks/control-plane/free-port.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { buildAlpineImage, buildRealAlpineImage } from './alpine-image.ts';
import { PROJECT } from './build-images.ts';
import { damage, lackingKey, layOutKey, machineWith, startsIn } from './own-key.ts';
import { LEASED, STATIC, setDhcpOnScreen, setStaticOnScreen } from './set-address.ts';
import { SshClient } from './ssh-client.ts';
import { boot, logIn, type Story, succeed, untilReady, untilSucceeds } from './story.ts';

const real = await buildRealAlpineImage();
const lacking = typeof real === 'string' ? undefined : real.lacking;

/** Firmware variable: four bytes of attributes, then 1 if Secure Boot is on (UEFI 2.10, 3.3). */
const SECURE_BOOT = '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';

const statusSchema = z.object({ health: healthSchema });
const billSchema = z.object({
  components: z.array(z.object({ name: z.string(), purl: z.string().optional() })),
});

describe.skipIf(lacking !== undefined)(
  `an image of real packages of Alpine${lacking === undefined ? '' : `, for which there is no ${lacking}`}`,
  () => {
    let story: Story;
    let hostPort: number;

    beforeAll(async () => {
      hostPort = await findFreePort();
      story = await boot('alpine-bios-cdrom', {
        firmware: 'bios',
        medium: { as: 'cdrom', image: String(real) },
        forwards: [{ hostPort, guestAddress: STATIC, guestPort: 22 }],
      });
      await untilReady(story);
      await logIn(story);
    });

    afterAll(async () => {
      await story[Symbol.asyncDispose]();
    });

    test('has Alpine’s C library, kernel and init, and no Node besides the one in our programs', async () => {
      await succeed(story, 'cat /proc/$(pidof qx-node)/maps | grep -q /lib/ld-musl-');
      expect(await succeed(story, 'uname -r')).toMatch(/-virt$/m);
      expect(await succeed(story, 'openrc --version')).toContain('OpenRC');
      expect(await succeed(story, "sed -n 's/^P://p' /lib/apk/db/installed")).toMatch(/^nodejs$/m);
      await succeed(story, 'test ! -e /usr/bin/node && test ! -e /script-was-run');
      expect(await succeed(story, 'cat /etc/os-release')).toContain('QUANTIX_BASE="alpine"');
    });

    test('has Node among the packages of its bill of materials', async () => {
      const { components } = billSchema.parse(
        JSON.parse(await readFile(`${String(real)}.cdx.json`, 'utf8')),
      );
      const [node, ...more] = components.filter(({ name }) => name === 'nodejs');
      expect(node?.purl).toMatch(/^pkg:apk\/alpine\/nodejs@24\./);
      expect(more).toEqual([]);
    });

    test('runs its services, and creates device nodes with the right permissions', async () => {
      for (const runlevel of ['sysinit', 'boot', 'default']) {
        const status = await succeed(story, `rc-status --nocolor ${runlevel}`);
        expect(status).not.toMatch(/stopped|crashed/);
      }
      const nodes = "stat -c '%n %a %G' /dev/null /dev/vcs1 /dev/sr0";
      expect(await succeed(story, nodes)).toBe(
        '/dev/null 666 root\n/dev/vcs1 660 tty\n/dev/sr0 660 cdrom\n',
      );
    });

    test('runs an agent that answers', async () => {
      await untilSucceeds(story, 'qx-node status >/dev/null');
      const told: unknown = JSON.parse(await succeed(story, 'qx-node status --json'));
      expect(statusSchema.parse(told).health.managementAddress).toBe(LEASED);
    });

    test('resolves names by /etc/hosts, and uses the DNS server of its lease', async () => {
      await succeed(story, 'ping -c 1 localhost');
      expect(await succeed(story, 'cat /etc/resolv.conf')).toContain('nameserver 10.0.2.3');
    });

    test('gets a static address in its console, accepts SSH there, and returns to DHCP', async () => {
      const client = await SshClient.create(hostPort);
      await setStaticOnScreen(story);
      const key = await client.readPublicKey();
      await succeed(story, `mkdir -p /quantix/ssh && echo '${key}' >/quantix/ssh/authorized_keys`);
      await succeed(story, 'qx-ssh on --minutes 5');
      await client.untilReached();
      expect(await client.succeed('hostname; id -un; qx-network status --json')).toMatch(
        new RegExp(`^quantix\\nroot\\n.*"${STATIC}"`),
      );
      await succeed(story, 'qx-ssh off');
      expect((await client.ssh('true')).status).toBe(255);
      await setDhcpOnScreen(story);
    });

    test('keeps the password that was set', async () => {
      const set = 'echo "correct horse" | qx-password set; qx-password status | grep -x set';
      await succeed(story, set);
      await succeed(story, 'echo "correct horse" | qx-password check');
    });

    test('restarted no service after a failed health check', async () => {
      await succeed(story, "! logread | grep -e 'health check for' -e 'unknown function'");
    });

    test('powers off without an error on its console', async () => {
      await story.screenshot();
      await story.guest.powerOff();
      story.expectGoodConsole();
      expect(story.guest.log).not.toMatch(/Invalid ELF header|checkpath: owner/);
    });
  },
);

/** What is missing for an image with Alpine’s kernel and an owner’s key. */
const lackingAny = [...(lacking === undefined ? [] : [lacking]), ...lackingKey];

describe.skipIf(lackingAny.length > 0)(
  `an image with Alpine’s kernel and an owner’s key${lackingAny.length > 0 ? `, for which there is no ${lackingAny.join(', ')}` : ''}`,
  () => {
    test('boots with Secure Boot on, and does not boot with a changed kernel', async () => {
      const keys = await layOutKey();
      const iso = String(await buildRealAlpineImage('--secure-boot', keys));
      const disk = join(await temporaryFolder(), 'disk.raw');
      await copyFile(iso, disk);
      {
        await using story = await boot('alpine-own-keys', machineWith(disk, 1024));
        await story.guest.waitForMilestone('ready');
        await logIn(story);
        expect(await succeed(story, 'uname -r')).toMatch(/-virt$/m);
        expect(await succeed(story, `od -An -tu1 ${SECURE_BOOT}`)).toMatch(/^( +\d+){4} +1$/m);
      }
      {
        await using device = await openBlockDevice(disk, { write: true });
        await damage(device, (await startsIn(iso))(KERNEL_PATH) + 100_000);
      }
      // A second machine, because a reset is slow: Alpine's kernel is where UEFI firmware unpacks itself, and QEMU 7.2
      // (Debian 12) spends minutes on writes to pages from which it has translated code.
      await using changed = await boot('alpine-own-keys-changed', machineWith(disk, 1024));
      await changed.guest.waitFor(/bad signature/);
      expect(changed.guest.log).not.toContain('quantix: ');
    });
  },
);

/** If there are no real packages of Alpine, this base is tested with Debian's packages under Alpine's names. */
describe.runIf(lacking !== undefined)('an image of packages in Alpine’s form', () => {
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

  test('boots from CD under BIOS as far as an image from Debian', () => {
    const milestones = [...findMilestones(story.guest.log).keys()];
    expect(milestones).toEqual(['kernel', 'medium', 'root', 'network', 'ready']);
  });

  test('names its base in os-release', async () => {
    const release = await succeed(story, 'cat /etc/os-release');
    expect(release).toContain('QUANTIX_BASE="alpine"');
    expect(release).toContain('ID="quantix-os"');
  });

  test('has apk’s database, with every package that the profile asks for', async () => {
    const profile = await loadProfile(PROJECT, 'quantix-os');
    const { packages, kernel } = findSettings(profile, 'alpine');
    const listed = await succeed(story, "sed -n 's/^P://p' /lib/apk/db/installed");
    const installed = new Set(listed.split('\n'));
    expect([...packages, kernel.full ?? 'a kernel'].filter((name) => !installed.has(name))).toEqual(
      [],
    );
    expect(await succeed(story, 'cat /etc/apk/world')).toContain('libvirt-daemon\n');
  });

  test('runs its services', async () => {
    const status = await succeed(story, 'rc-status --nocolor default');
    expect(status).not.toMatch(/stopped|crashed/);
    for (const service of ['chronyd', 'dbus', 'libvirtd', 'syslog']) {
      expect(status).toMatch(new RegExp(`${service} +\\[ +started`));
    }
  });

  test('answers virsh, and would not run guests as root', async () => {
    await succeed(story, 'virsh --connect qemu:///system version');
    expect(await succeed(story, 'cat /etc/libvirt/qemu.conf')).toContain('user = "libvirt-qemu"');
  });

  test('was made without running any script of a package', async () => {
    await succeed(story, 'test ! -e /script-was-run');
    expect(await succeed(story, 'tar -tf /lib/apk/db/scripts.tar')).toContain('busybox-');
  });

  test('turns SSH on and off, and keeps the password that was set', async () => {
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

  test('powers off without an error on its console', async () => {
    await story.screenshot();
    await story.guest.powerOff();
    story.expectGoodConsole();
  });
});
