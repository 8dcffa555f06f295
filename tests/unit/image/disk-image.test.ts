import { createHash } from 'node:crypto';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openBlockDevice } from '../../../apps/disk/open-block-device.ts';
import { sliceDevice } from '../../../build/disk/block-device.ts';
import { readBootState } from '../../../build/disk/boot-state.ts';
import { isDerivedGuid } from '../../../build/disk/derived-guid.ts';
import { readGpt } from '../../../build/disk/gpt.ts';
import { type DiskLayout, findPartition, type PartitionRole } from '../../../build/disk/layout.ts';
import { readLayout } from '../../../build/disk/read-layout.ts';
import { readTrailer } from '../../../build/disk/slot-trailer.ts';
import { OF_DISK } from '../../../build/image/boot-loader.ts';
import { writeDiskImage } from '../../../build/image/disk-image.ts';
import { run } from '../../../build/process/run.ts';
import { temporaryFolder } from '../folder.ts';

const MIB = 1024 * 1024;
const ISO = Buffer.alloc(3 * MIB + 2048, 'what an ISO holds ');
const TRAILER = {
  ...{ product: 'qvdc', version: '0.1.0', base: 'debian', architecture: 'x86_64' },
  ...{ buildId: '0123456789abcdef', sha256: createHash('sha256').update(ISO).digest('hex') },
};

/** Writes a disk image with small slots. @returns its path */
async function write(sectorSize: number, more: { bios?: boolean; bytes?: number } = {}) {
  const { bios = true, bytes } = more;
  const folder = await temporaryFolder();
  const [iso, bootLoader] = [join(folder, 'x.iso'), join(folder, 'loader')];
  await writeFile(iso, ISO);
  await mkdir(bootLoader);
  const boot = Buffer.alloc(512);
  boot.writeUInt16LE(0xaa55, 510);
  const files = {
    'BOOTX64.EFI': Buffer.from('loader'),
    'grub.cfg': Buffer.from('# fixed\n'),
    ...(bios && { 'boot.img': boot, 'core.img': Buffer.alloc(3000, 'core') }),
  };
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(bootLoader, OF_DISK + name), content);
  }
  const file = join(folder, 'disk.raw');
  await writeDiskImage(file, {
    ...{ iso, trailer: TRAILER, labelPrefix: 'QVDC', bootLoader, epoch: 1_700_000_000 },
    ...{ sectorSize, slotBytes: 8 * MIB, bytes },
  });
  return file;
}

test.each([512, 4096])(
  'a disk image is an installed disk that was never started, sectors of %d bytes',
  async (fileSectorSize) => {
    const file = await write(fileSectorSize);
    await using device = await openBlockDevice(file, { fileSectorSize });
    const [gpt, layout] = [await readGpt(device), await readLayout(device)];
    expect([gpt?.bothCopies, gpt?.guid].join()).toMatch(/^true,.{14}8/);
    expect(gpt?.partitions.map(({ guid }) => isDerivedGuid(guid))).not.toContain(false);
    if (layout === undefined) throw new Error('it is no disk of an appliance');
    const part = (role: PartitionRole) => slice(device, layout, role);
    expect(await readTrailer(part('a'))).toEqual({ ...TRAILER, imageBytes: ISO.length });
    expect(await readTrailer(part('b'))).toBeUndefined();
    expect(await readBootState(part('efi'))).toEqual({ good: 'a', trial: null, left: 0 });
    expect(await part('configuration').read(0, 64 * 1024)).toEqual(Buffer.alloc(64 * 1024));
    expect((await stat(file)).blocks * 512).toBeLessThan(16 * MIB);
  },
);

function slice(
  device: Awaited<ReturnType<typeof openBlockDevice>>,
  layout: DiskLayout,
  role: PartitionRole,
) {
  const { offset, bytes } = findPartition(layout, role);
  return sliceDevice(device, offset, bytes);
}

test('a disk image is the same, byte for byte, when it is written again', async () => {
  const [one, other] = [await write(512), await write(512)];
  // qemu-img compares only ranges that are written in one of the files.
  expect(await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', one, other])).toContain(
    'Images are identical',
  );
});

test('an architecture without BIOS has no partition for it, and the other partitions keep their numbers', async () => {
  await using device = await openBlockDevice(await write(512, { bios: false }));
  const gpt = await readGpt(device);
  expect(gpt?.partitions.map(({ number }) => number)).toEqual([2, 3, 4, 5, 6]);
});

test('the error for a disk that is too small says by how much', async () => {
  await expect(write(512, { bytes: 1024 * MIB })).rejects.toThrow(/1,024 MiB, and \d+ MiB more/);
});
