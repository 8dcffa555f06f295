import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeMediumPaths } from '../../build/disk/medium-paths.ts';
import { OF_DISK } from '../../build/image/boot-loader.ts';
import { writeDiskImage } from '../../build/image/disk-image.ts';
import { SLOT_CONFIG_PATH } from '../../build/image/grub-disk.ts';
import { ISO_BLOCK, reportIso } from '../../build/image/iso-report.ts';
import { hashFile } from '../../build/process/hash-file.ts';
import { run } from '../../build/process/run.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { buildImage } from './build-images.ts';
import { boot, imageOf, LONG, logIn, logInAfter, type Story, succeed } from './story.ts';

const MIB = 1024 * 1024;

/**
 * Waits for GRUB's menu of an installed disk, and presses keys in it.
 * @param from a mark
 * @returns a mark after the menu
 */
async function passMenu({ guest }: Story, from: number, keys = '\r'): Promise<number> {
  await guest.waitFor(/GNU GRUB[\s\S]*Power off/, from);
  const { mark } = guest;
  guest.send(keys);
  return mark;
}

/** Waits until the first start of a disk image has ended with a restart. @returns a mark after the restart */
async function untilStartedFirst({ guest }: Story): Promise<number> {
  await guest.waitFor(/quantix: first start of this disk image[\s\S]*reboot: Restarting system/);
  return guest.mark;
}

test.skipIf(!LONG)(
  'a disk image under BIOS uses the whole disk after its first start, shows the other slot’s version in the menu, and ignores a live medium (with QUANTIX_LONG=yes)',
  async () => {
    const base = await buildImage('quantix-os', '--format', 'qcow2');
    const image = join(await temporaryFolder(), 'disk.qcow2');
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', base, image, '12G']);
    await using story = await boot(
      'installed-disk-bios',
      {
        firmware: 'bios',
        medium: { as: 'disk', bus: 'virtio', image, format: 'qcow2', isKept: true },
        disks: [{ file: imageOf('quantix-os').iso, format: 'raw', bus: 'ata', readOnly: true }],
      },
      'nobody',
    );
    const { guest } = story;
    const again = await untilStartedFirst(story);
    const first = await passMenu(story, again);
    expect(guest.log.slice(again)).not.toContain('slot B');
    await guest.waitForMilestone('ready', first);
    await logIn(story);
    expect(await succeed(story, 'cat /proc/cmdline')).toMatch(
      /quantix\.slot=a quantix\.medium=PARTUUID=.{8}-.{4}-4.* quantix\.config=PARTUUID=\S+ quantix\.data=PARTUUID=/,
    );
    expect(await succeed(story, 'cat /sys/block/loop0/loop/backing_file')).toContain('/dev/vda3');
    expect(
      await succeed(story, "awk '$2 ~ /^.(quantix|data)$/ {print $1, $2}' /proc/mounts"),
    ).toMatch(/\/dev\/vda6 \/data\s+\/dev\/vda5 \/quantix/);
    // The data partition has grown by the difference between 12 GiB and the image's 9.6 GiB.
    expect(Number(await succeed(story, 'cat /sys/class/block/vda6/size')) / 2048).toBeGreaterThan(
      3000,
    );
    // Copy the image to the other slot, and change the version there.
    await succeed(story, 'dd if=/dev/vda3 of=/dev/vda4 bs=1048576 count=400 2>/dev/null && sync');
    const digits = await versionsIn(imageOf('quantix-os').iso);
    const write = digits.map((at) => `printf 9 | dd of=/dev/vda4 bs=1 seek=${at} conv=notrunc`);
    await succeed(story, `(${write.join(' && ')} && sync) 2>/dev/null`);
    const before = guest.mark;
    guest.send('reboot -f\r');
    const menu = await passMenu(story, before, '\x1b[B\r');
    expect(guest.log.slice(before, menu)).toContain('Quantix-OS 9.1.0, slot B');
    await logInAfter(story, menu);
    expect(await succeed(story, 'cat /proc/cmdline')).toContain('quantix.slot=b');
    expect(await succeed(story, 'cat /sys/block/loop0/loop/backing_file')).toContain('/dev/vda4');
    expect(await succeed(story, 'cat /proc/mounts')).toMatch(/^\/dev\/vda5 \/quantix /m);
    story.expectGoodConsole();
  },
);

test.skipIf(!LONG)(
  'a disk with 4096-byte sectors under UEFI boots its second slot if the first slot is empty and the boot state is lost (with QUANTIX_LONG=yes)',
  async () => {
    const { iso } = imageOf('qvdc');
    const folder = await temporaryFolder();
    const { files } = await reportIso(iso);
    for (const { path, block, size } of files) {
      if (!path.startsWith(`${makeMediumPaths('quantix').bootFiles}/`)) continue;
      const bytes = await partOf(iso, block * ISO_BLOCK, size);
      await using target = await open(join(folder, `${OF_DISK}${path.split('/').at(-1)}`), 'wx');
      await target.write(bytes);
    }
    const image = join(folder, 'disk.raw');
    const slotBytes = 512 * MIB;
    await writeDiskImage(image, {
      ...{ iso, labelPrefix: 'QVDC', bootLoader: folder, epoch: 1_700_000_000 },
      trailer: {
        ...{ product: 'qvdc', version: '0.1.0', base: 'debian', architecture: 'x86_64' },
        ...{ buildId: '00', sha256: (await hashFile(iso, [])).whole },
      },
      ...{ sectorSize: 4096, slotBytes, bytes: 3072 * MIB },
    });
    // Without a partition for BIOS, the first slot begins behind the EFI partition.
    const slotA = 301 * MIB;
    await using disk = await open(image, 'r+');
    let at = slotA + slotBytes;
    for await (const piece of createReadStream(iso, { highWaterMark: MIB })) {
      await disk.write(piece, 0, piece.length, at);
      at += piece.length;
    }
    await disk.write(Buffer.alloc(MIB), 0, MIB, slotA);
    const efi = await partOf(image, MIB, 300 * MIB);
    // The search includes `good=`, because GRUB itself also contains the first line of an environment.
    const state = efi.indexOf('# GRUB Environment Block\ngood=');
    await disk.write(Buffer.alloc(512), 0, 512, MIB + state);
    await using story = await boot(
      'installed-disk-uefi-4096',
      {
        firmware: 'uefi',
        medium: { as: 'disk', bus: 'nvme', image, isKept: true, sectorSize: 4096 },
      },
      'nobody',
    );
    const { guest } = story;
    const again = await untilStartedFirst(story);
    const menu = await passMenu(story, again);
    expect(guest.log.slice(again, menu)).not.toContain('slot A');
    await guest.waitForMilestone('ready', menu);
    await logIn(story);
    expect(await succeed(story, 'cat /proc/cmdline')).toContain('quantix.slot=b');
    expect(await succeed(story, 'cat /sys/block/loop0/loop/backing_file')).toContain(
      '/dev/nvme0n1p4',
    );
    expect(await succeed(story, 'cat /sys/block/nvme0n1/queue/logical_block_size')).toContain(
      '4096',
    );
    expect(await succeed(story, 'grep -c " /quantix ext4 rw" /proc/mounts')).toContain('1');
    story.expectGoodConsole();
  },
);

/** Returns the offsets, in an image, of the first digits of the versions in its configuration for the menu. */
async function versionsIn(iso: string): Promise<number[]> {
  const { files } = await reportIso(iso);
  const config = files.find(({ path }) => path === SLOT_CONFIG_PATH);
  if (config === undefined) throw new Error(`${iso} has no ${SLOT_CONFIG_PATH}`);
  const begin = config.block * ISO_BLOCK;
  const text = (await partOf(iso, begin, config.size)).toString('latin1');
  return [...text.matchAll(/(?<='Quantix-OS )\d/g)].map(({ index }) => begin + index);
}

async function partOf(file: string, offset: number, size: number): Promise<Buffer> {
  await using handle = await open(file, 'r');
  const { buffer } = await handle.read(Buffer.alloc(size), 0, size, offset);
  return buffer;
}
