import { existsSync } from 'node:fs';
import { copyFile, mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBlockDevice } from '../../apps/disk/open-block-device.ts';
import { type BlockDevice, sliceDevice } from '../../build/disk/block-device.ts';
import { readBootFiles } from '../../build/disk/boot-files.ts';
import { type BootState, readBootState, writeBootState } from '../../build/disk/boot-state.ts';
import { locateFile } from '../../build/disk/fat32.ts';
import { findPartition, type PartitionRole } from '../../build/disk/layout.ts';
import { makeMediumPaths } from '../../build/disk/medium-paths.ts';
import { writeInstalledDisk } from '../../build/disk/write-installed-disk.ts';
import { SLOT_CONFIG_PATH } from '../../build/image/grub-disk.ts';
import { INITRAMFS_PATH, KERNEL_PATH } from '../../build/image/grub-model.ts';
import { run } from '../../build/process/run.ts';
import { Guest } from '../../build/qemu/guest.ts';
import { ENROLMENT_FILES } from '../../build/secure-boot/enrolment.ts';
import { signFile } from '../../build/secure-boot/openpgp.ts';
import type { OwnerKey } from '../../build/secure-boot/owner-key.ts';
import { DISK_BYTES, installRequest, smallLayout } from '../unit/disk/installed.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { readOwner } from '../unit/secure-boot/owners.ts';
import { buildImage, PROJECT } from './build-images.ts';
import { extract } from './media.ts';
import { damage, lackingKey, layOutKey, machineWith, startsIn } from './own-key.ts';
import { boot, LONG, logIn, succeed } from './story.ts';

/** Paths on the medium. */
const PATHS = makeMediumPaths('quantix');

/** Firmware variables that trust no key: the firmware is in setup mode. */
const NO_KEYS = '/usr/share/OVMF/OVMF_VARS_4M.fd';
describe.skipIf(lackingKey.length > 0)(
  `images with an owner’s key${lackingKey.length > 0 ? `, for which there is no ${lackingKey.join(', ')}` : ''}`,
  () => {
    let owner: OwnerKey;
    let iso: string;

    beforeAll(async () => {
      const keys = await layOutKey(afterAll);
      owner = readOwner(keys);
      iso = await buildImage('qvdc', '--secure-boot', keys);
    });

    test('boot with Secure Boot on; with a changed block of the system, kernel, initramfs or menu they stop without a command line', async () => {
      for (const name of ENROLMENT_FILES) expect(existsSync(`${iso}.${name}`), name).toBe(true);
      const disk = join(await temporaryFolder(), 'disk.raw');
      await copyFile(iso, disk);
      const startOf = await startsIn(iso);
      const machine = machineWith(disk, 1024);
      {
        await using story = await boot('qvdc-own-keys', machine);
        await story.guest.waitForMilestone('root');
        expect(story.guest.log).not.toContain('with a shell');
      }
      const damageDisk = async (at: number) => {
        await using device = await openBlockDevice(disk, { write: true });
        await damage(device, at);
      };
      await damageDisk(startOf(PATHS.system) + 100);
      {
        await using story = await boot('qvdc-own-keys-system', machine);
        await story.guest.waitFor(/has the mark of this build and another or a damaged system/);
      }
      for (const path of [INITRAMFS_PATH, KERNEL_PATH]) {
        await damageDisk(startOf(path) + 100_000);
        await using story = await boot(`qvdc-own-keys-${basename(path)}`, machine);
        await story.guest.waitFor(/bad signature/);
        expect(story.guest.log, path).not.toContain('quantix: ');
      }
      await damageDisk(startOf('/boot/grub/grub.cfg'));
      await using story = await boot('qvdc-own-keys-menu', machine, 'nobody');
      await story.guest.waitFor(/Enter username/);
      expect(story.guest.log).not.toContain('Power off');
    });

    test.skipIf(!LONG)(
      'boot with Secure Boot on after the commands of docs/secure-boot.md enrolled the key in firmware without keys (with QUANTIX_LONG=yes)',
      async () => {
        const text = await readFile(join(PROJECT, 'docs/secure-boot.md'), 'utf8');
        const [, block = ''] = /```sh on the machine\n([\s\S]*?)```/.exec(text) ?? [];
        await using story = await boot('qvdc-own-keys-enrolled', {
          ...{ firmware: 'uefi-secure', variables: NO_KEYS, memory: 1024 },
          medium: { as: 'cdrom', image: iso },
        });
        const { guest } = story;
        await guest.waitForMilestone('ready');
        expect(guest.log).not.toContain('UEFI Secure Boot is enabled');
        await logIn(story);
        const script = Buffer.from(block).toString('base64');
        await succeed(story, `echo ${script} | base64 -d | sh -e`);
        const from = guest.mark;
        await guest.reset();
        await guest.waitFor(/GNU GRUB/, from);
        guest.send('\r');
        await guest.waitFor(/UEFI Secure Boot is enabled/, from);
        await guest.waitForMilestone('root', from);
      },
    );

    test('an installed disk boots the slot that its boot state names, or the other one if slot.cfg was changed; a changed menu or GRUB stops the boot without a command line', async () => {
      const folder = await temporaryFolder();
      const disk = join(folder, 'disk.raw');
      const layout = await installSmall(disk, folder, { iso, owner });
      await using guest = await Guest.start(machineWith(disk, 256), {
        acceleration: 'tcg',
        log: resolve(import.meta.dirname, '../../dist/tests/own-keys-disk.log'),
      });
      const part = (device: BlockDevice, role: PartitionRole) => {
        const { offset, bytes } = findPartition(layout, role);
        return sliceDevice(device, offset, bytes);
      };
      /** Changes a partition, and restarts the machine. @returns a mark before the restart */
      const restart = async (role: PartitionRole, change: (part: BlockDevice) => Promise<void>) => {
        {
          await using device = await openBlockDevice(disk, { write: true });
          await change(part(device, role));
        }
        const from = guest.mark;
        await guest.reset();
        return from;
      };
      const restartWith = (state: BootState) => restart('efi', (efi) => writeBootState(efi, state));
      const told = async (slot: string, from: number) => {
        await guest.waitFor(/Power off/, from);
        guest.send('\r');
        await guest.waitFor(new RegExp(`TOLD quantix\\.slot=${slot}`), from);
      };

      await guest.waitFor(/Power off/);
      guest.send('c');
      await guest.waitFor(/Enter username/);
      await told('b', await restartWith({ good: 'b', trial: null, left: 0 }));
      await told('b', await restartWith({ good: 'a', trial: 'b', left: 3 }));
      {
        await using device = await openBlockDevice(disk);
        const state = await readBootState(part(device, 'efi'));
        expect(state).toEqual({ good: 'a', trial: 'b', left: 2 });
      }
      await told('a', await restartWith({ good: 'a', trial: null, left: 0 }));

      const damaged = (path: string) => async (efi: BlockDevice) => {
        const [first] = (await locateFile(efi, path))?.extents ?? [];
        await damage(efi, (first?.offset ?? 0) + 1000);
      };
      let from = await restart('a', async (slot) => {
        const image = await slot.read(0, 1024 * 1024);
        await damage(slot, image.indexOf('TOLD'));
      });
      await told('b', from);
      expect(guest.log.slice(from)).not.toContain('slot A');
      from = await restart('efi', damaged('/grub/menu'));
      await guest.waitFor(/Enter username/, from);
      expect(guest.log.slice(from)).not.toContain('Power off');
      from = await restart('efi', damaged('/EFI/BOOT/BOOTX64.EFI'));
      await guest.waitFor(/failed to load Boot\d+.*(Access Denied|Security Violation)/, from);
    });
  },
);

/**
 * Writes a disk that boots like an installed disk. Each slot has only a menu entry, which shows the parameters that a
 * kernel would get.
 */
async function installSmall(
  disk: string,
  folder: string,
  { iso: medium, owner }: { iso: string; owner: OwnerKey },
) {
  const loader = join(folder, 'loader');
  await extract(medium, loader, PATHS.bootFiles);
  const content = join(folder, 'content');
  await mkdir(join(content, 'boot/grub'), { recursive: true });
  const config = Buffer.from(`if [ "$slot_entries" = first ]; then
menuentry 'Test, slot '"$slot_name" --unrestricted --id "$slot" "$root" "$slot_parameters" {
  echo "TOLD $3 END"
  sleep 600
}
fi
`);
  await writeFile(join(content, SLOT_CONFIG_PATH), config);
  await writeFile(join(content, `${SLOT_CONFIG_PATH}.sig`), await signFile(owner, config));
  const iso = join(folder, 'slot.iso');
  await run('xorriso', ['-as', 'mkisofs', '-quiet', '-R', '-o', iso, content]);
  const image = await readFile(iso);
  {
    await using file = await open(disk, 'w');
    await file.truncate(DISK_BYTES);
  }
  await using device = await openBlockDevice(disk, { write: true });
  const layout = smallLayout(device);
  const files = await readBootFiles(loader);
  await writeInstalledDisk(device, installRequest(layout, { image, boot: files }));
  const { offset, bytes } = findPartition(layout, 'b');
  await sliceDevice(device, offset, bytes).write(0, image);
  return layout;
}
