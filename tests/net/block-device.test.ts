import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openBlockDevice } from '../../apps/disk/open-block-device.ts';
import { readLayout } from '../../build/disk/read-layout.ts';
import { DISK_BYTES, install } from '../unit/disk/installed.ts';
import { type LoopDisk, loopDisk } from './world/loop-disk.ts';

const folder = mkdtempSync(join(tmpdir(), 'quantix-loop-'));
afterAll(() => rmSync(folder, { recursive: true }));

function loop(sectorSize: number): LoopDisk {
  // Each disk has its own folder, because the tests of a file run at the same time.
  return loopDisk(join(mkdtempSync(join(folder, 'disk-')), 'disk'), {
    bytes: DISK_BYTES,
    sectorSize,
  });
}

test.each([512, 4096])(
  'a disk of %i-byte sectors is installed through the kernel',
  async (sectorSize) => {
    using disk = loop(sectorSize);
    await using device = await openBlockDevice(disk.path, { write: true });
    expect(device).toMatchObject({ sectorSize, bytes: DISK_BYTES });
    const layout = await install(device);
    expect(await readLayout(device)).toEqual(layout);
    await using file = await openBlockDevice(disk.file, { fileSectorSize: sectorSize });
    expect(await readLayout(file)).toEqual(layout);
  },
);

test.each([512, 4096])(
  'a range of any length is written and read, several at a time, on sectors of %i bytes',
  async (sectorSize) => {
    using disk = loop(sectorSize);
    await using device = await openBlockDevice(disk.path, { write: true });
    const [small, large] = [randomBytes(sectorSize), randomBytes(9 * 1024 ** 2 + sectorSize)];
    await Promise.all([
      device.write(3 * sectorSize, small),
      device.write(1024 ** 2 + sectorSize, large),
      device.write(DISK_BYTES - sectorSize, small),
    ]);
    const read = await Promise.all([
      device.read(3 * sectorSize, small.length),
      device.read(1024 ** 2 + sectorSize, large.length),
      device.read(DISK_BYTES - sectorSize, small.length),
    ]);
    expect([small, large, small].map((bytes, index) => read[index]?.equals(bytes))).toEqual([
      ...[true, true, true],
    ]);
    await expect(device.read(DISK_BYTES, sectorSize)).rejects.toThrow(/not whole sectors/);
  },
);

test('reads come from the disk, not from the page cache', async () => {
  using disk = loop(512);
  await using device = await openBlockDevice(disk.path, { write: true });
  await device.write(0, Buffer.alloc(4096, 'x'));
  await device.flush();
  expect((await device.read(0, 512)).toString()).toBe('x'.repeat(512));
  // The medium changes without the kernel's knowledge, as on a disk that loses writes.
  const bytes = readFileSync(disk.file).subarray(0, 4096).fill('y');
  execFileSync('dd', [`of=${disk.file}`, 'conv=notrunc,fsync', 'status=none'], { input: bytes });
  expect((await device.read(0, 512)).toString()).toBe('x'.repeat(512).replaceAll('x', 'y'));
});

test('a device in use, or a file that is not a block device, is reported', async () => {
  using disk = loop(512);
  execFileSync('mkfs.ext4', ['-q', disk.path]);
  const place = mkdtempSync(join(folder, 'mount-'));
  execFileSync('mount', [disk.path, place]);
  try {
    await expect(openBlockDevice(disk.path, { write: true })).rejects.toThrow(/in use/);
    await using reader = await openBlockDevice(disk.path);
    expect(reader.bytes).toBe(DISK_BYTES);
  } finally {
    execFileSync('umount', [place]);
  }
  await expect(openBlockDevice(folder)).rejects.toThrow(/neither a block device nor a file/);
  await expect(openBlockDevice(join(folder, 'none'))).rejects.toThrow(/ENOENT/);
});
