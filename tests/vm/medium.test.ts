import { truncate } from 'node:fs/promises';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import type { Disk, Machine, Medium } from '../../build/qemu/machine.ts';
import { PROJECT, parseBuilt } from './build-images.ts';
import { configurationDisk } from './configuration-disk.ts';
import { withFlippedBit, writtenIntoPartition, writtenToLargerDisk } from './media.ts';
import { boot, imageOf } from './story.ts';

/** Ways to boot that differ from those of other tests only in the place of the medium. */
const WAYS: readonly {
  from: string;
  firmware: Machine['firmware'];
  board: NonNullable<Machine['board']>;
  medium: (iso: string) => Promise<Medium>;
  /** Disks that guests may have written. They precede the medium. */
  besides?: (iso: string) => Promise<Disk[]>;
}[] = [
  {
    ...{ from: 'a larger USB disk', firmware: 'bios', board: 'pc' },
    medium: async (iso) => {
      const image = await writtenToLargerDisk(iso);
      return { as: 'disk', bus: 'usb', image, format: 'qcow2' };
    },
  },
  {
    ...{ from: 'a USB CD', firmware: 'bios', board: 'q35' },
    medium: async (image) => ({ as: 'cdrom', bus: 'usb', image }),
    besides: async (iso) => {
      const config = await configurationDisk('QVDC-CFG');
      await truncate(config, 64 * 1024 ** 3);
      const files = [await withFlippedBit(iso), config];
      return files.map((file) => ({ file, format: 'raw', bus: 'ata' }));
    },
  },
  {
    ...{ from: 'a partition', firmware: 'uefi', board: 'q35' },
    medium: async (iso) => ({ as: 'disk', bus: 'scsi', image: await writtenIntoPartition(iso) }),
  },
];

test.each(WAYS)('QvDC finds its medium under $firmware on $board from $from', async (way) => {
  const { from, firmware, board } = way;
  const { iso } = imageOf('qvdc');
  const medium = await way.medium(iso);
  const name = `qvdc-medium-${from.replaceAll(' ', '-')}`;
  const disks = (await way.besides?.(iso)) ?? [];
  await using story = await boot(name, { firmware, board, medium, disks });
  await story.guest.waitForMilestone('root');
  const { log } = story.guest;
  if (disks.length === 0) return story.expectGoodConsole();
  expect(log).toMatch(
    /quantix: not trusted: \/dev\/sdb with QVDC-CFG, because it may be a guest's disk/,
  );
  expect(log).toMatch(/verity: 7:1: data block 0 is corrupted/);
  expect(log).toMatch(/quantix: \/dev\/sda has the mark of this build and another or a damaged/);
});

let small: string;

beforeAll(async () => {
  const args = ['iso', '--json', '--profile', 'qvdc', '--flavour', 'virt'];
  const output = ['--output', 'dist/tests/virt'];
  const { stdout } = await execa(process.execPath, ['tasks/qx-build.ts', ...args, ...output], {
    cwd: PROJECT,
  });
  small = parseBuilt(stdout).get('qvdc') ?? '';
});

test('the small image finds its medium on virtual machines with IDE, and reports missing drivers on others', async () => {
  const machine = (board: 'pc' | 'q35'): Machine => ({
    firmware: 'bios',
    board,
    medium: { as: 'cdrom', image: small },
  });
  {
    await using story = await boot('qvdc-virt-pc', machine('pc'));
    await story.guest.waitFor(/for virtual machines with virtio/);
    await story.guest.waitForMilestone('root');
    story.expectGoodConsole();
  }
  await using story = await boot('qvdc-virt-q35', machine('q35'));
  await story.guest.waitFor(/quantix: no driver for the disk controllers .*\(8086:2922\)/);
  await story.guest.waitFor(/quantix: this is the image for virtual machines .* default image/);
});
