import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Board } from '../../build/architecture.ts';
import { run } from '../../build/process/run.ts';
import type { Bus, Disk, Machine } from '../../build/qemu/machine.ts';
import { replayCuts } from '../power-cuts/replay.ts';
import { temporaryFolder } from '../unit/folder.ts';
import { configurationDisk } from './configuration-disk.ts';
import { dirtyDisk } from './dirty-disks.ts';
import { expectSecureBoot } from './kernel.ts';
import { boot, imageOf, LONG, logIn, type Story, succeed, untilReady } from './story.ts';

/** Milliseconds for a boot of the medium, an installation, and a boot of the disk. */
const STORY = 1_800_000;

/** Serial number of QEMU's first additional disk. */
const SERIAL = 'disk0';

/**
 * Installations that cover both firmwares, both sector sizes, three buses and three foreign systems. A BIOS cannot boot
 * a disk with 4096-byte sectors.
 */
interface Way {
  profile: string;
  prefix: string;
  firmware: Machine['firmware'];
  board: Board;
  bus: Bus;
  sectorSize: 512 | 4096;
  dirt: Parameters<typeof dirtyDisk>[0];
}

const BIOS_VIRTIO: Way = {
  ...{ profile: 'quantix-os', prefix: 'QUANTIX', firmware: 'bios', board: 'pc' },
  ...{ bus: 'virtio', sectorSize: 512, dirt: 'lvm' },
};
const UEFI_NVME: Way = {
  ...{ profile: 'qvdc', prefix: 'QVDC', firmware: 'uefi-secure', board: 'q35' },
  ...{ bus: 'nvme', sectorSize: 4096, dirt: 'zfs' },
};
const UEFI_SATA: Way = {
  ...{ profile: 'quantix-os', prefix: 'QUANTIX', firmware: 'uefi', board: 'q35' },
  ...{ bus: 'ata', sectorSize: 512, dirt: 'raid' },
};

/** A config drive with an answer file, and a host name to carry over. */
async function driveWith(answer: string, { prefix }: Way): Promise<Disk> {
  const file = await configurationDisk(`${prefix}-CFG`);
  const folder = await temporaryFolder();
  for (const [name, text] of Object.entries({ 'install.yaml': answer, hostname: 'node7\n' })) {
    await writeFile(join(folder, name), text);
    await run('mcopy', ['-i', file, join(folder, name), `::/${name}`]);
  }
  return { file, format: 'raw', bus: 'virtio' };
}

/** Boots the medium with disks, through the menu entry for installing. The first disk is the target. */
async function startInstaller(way: Way, disks: readonly Disk[]): Promise<Story> {
  const { profile, firmware, board } = way;
  const medium = { as: 'cdrom', image: imageOf(profile).iso } as const;
  return boot(`install-${profile}-${way.bus}`, { firmware, board, medium, disks }, 'install');
}

async function diskOf({ bus, sectorSize, dirt }: Way): Promise<Disk> {
  return { file: await dirtyDisk(dirt), format: 'raw', bus, sectorSize };
}

/** Cuts the power at 1,000 places of an installation: the disk must then boot nothing or the complete system. */
async function expectPowerCutsSurvived({ profile, dirt }: Way, disk: Disk): Promise<void> {
  const { file, sectorSize = 512, writeLog } = disk;
  const report = await replayCuts(
    {
      ...{ log: writeLog?.file ?? '', start: await dirtyDisk(dirt), end: file, sectorSize },
      ...{ images: { [profile]: imageOf(profile).iso }, boots: [null, profile] },
    },
    { cuts: 1000, seed: 1, work: join(await temporaryFolder(), 'work.img') },
  );
  expect(report).toMatchObject({
    cuts: 1000,
    outcomes: { null: expect.any(Number), [profile]: expect.any(Number) },
  });
}

const reportSchema = z.object({
  result: z.literal('installed'),
  kind: z.literal('install'),
  sha256: z.string(),
  warnings: z.array(z.string()),
  disk: z.object({ serial: z.string(), sectorSize: z.number() }),
  partitions: z.array(z.object({ name: z.string() })),
});

/**
 * Boots an installed disk, and checks that the installation is as requested.
 * @param hostname the carried-over host name
 */
async function expectInstalled(way: Way, disk: Disk, hostname: string): Promise<void> {
  const { profile, prefix, firmware, board, bus, sectorSize } = way;
  const medium = { as: 'disk', bus, image: disk.file, sectorSize, isKept: true } as const;
  await using story = await boot(`installed-${profile}-${bus}`, { firmware, board, medium });
  await untilReady(story);
  await logIn(story);
  if (firmware === 'uefi-secure') await expectSecureBoot(story);
  expect(await succeed(story, 'hostname')).toBe(`${hostname}\n`);
  const report = reportSchema.parse(JSON.parse(await succeed(story, 'cat /quantix/install.json')));
  expect(report.disk).toMatchObject({ serial: SERIAL, sectorSize });
  // Under UEFI, the firmware has accepted the boot entry, too.
  expect(report.warnings).toEqual([]);
  expect(report.partitions.map(({ name }) => name)).toEqual(
    [...(sectorSize === 512 ? ['BIOS'] : []), 'EFI', 'A', 'B', 'CFG', 'DATA'].map(
      (name) => `${prefix}-${name}`,
    ),
  );
  // The system runs from the installed disk.
  const slot = 'quantix.slot=a';
  expect(await succeed(story, 'cat /proc/cmdline')).toContain(slot);
  const mounts = await succeed(story, 'mount');
  for (const place of ['/quantix', '/data']) expect(mounts).toMatch(`on ${place} type ext4 (rw`);
  expect(await succeed(story, 'ls /quantix')).not.toContain('install.yaml');
  story.expectGoodConsole();
}

describe.each([BIOS_VIRTIO, UEFI_NVME])(
  '$profile on a disk of $sectorSize-byte sectors by $bus, under $firmware, over $dirt',
  (way) => {
    test(
      'is installed unattended by an answer file, survives a power cut at any write, and boots from the disk',
      async () => {
        const writeLog = { file: join(await temporaryFolder(), 'writes.log') };
        await writeFile(writeLog.file, '');
        const disk = { ...(await diskOf(way)), writeLog };
        const answer = `disk: {serial: ${SERIAL}}\nerase: ${SERIAL}\nafterwards: power-off\n`;
        const drive = await driveWith(answer, way);
        {
          await using story = await startInstaller(way, [disk, drive]);
          await story.guest.waitFor(/quantix: install report \{"result":"installed"/);
          await story.guest.waitForEnd();
          expect(story.guest.log).toMatch(/quantix: install: .*Destroyed: /);
          story.expectGoodConsole();
        }
        await expectPowerCutsSurvived(way, disk);
        await expectInstalled(way, disk, 'node7');
      },
      STORY,
    );
  },
);

test.skipIf(!LONG)(
  'Quantix-OS is installed by typing on the serial line, over LUKS, RAID and VMFS on a SATA disk under UEFI (with QUANTIX_LONG=yes)',
  async () => {
    const way = UEFI_SATA;
    const disk = await diskOf(way);
    {
      await using story = await startInstaller(way, [disk]);
      const { guest } = story;
      await guest.waitFor(/Press Enter to use the console/);
      guest.type('');
      await guest.waitFor(/On which disk/);
      guest.send('\r');
      await guest.waitFor(/Destroyed: /);
      await guest.waitFor(/Esc other disk/);
      guest.send('\r');
      await guest.waitFor(/type its serial number/);
      // If the typed serial number is that of another disk, nothing is erased.
      guest.send('disk1\r');
      await guest.waitFor(/It is disk0/);
      guest.send(`\x7f0\r`);
      await guest.waitFor(/is installed on/);
      guest.send('p');
      await guest.waitForEnd();
      story.expectGoodConsole();
    }
    await expectInstalled(way, disk, 'quantix');
  },
  STORY,
);
