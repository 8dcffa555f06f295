import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openBlockDevice } from '../../apps/disk/open-block-device.ts';
import { readLayout } from '../../build/disk/read-layout.ts';
import { DISK_BYTES, install } from '../unit/disk/installed.ts';

const folder = mkdtempSync(join(tmpdir(), 'quantix-loop-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A loop device on a sparse file. */
function loop(sectorSize: number): Disposable & { path: string; file: string } {
  const file = join(folder, `disk${sectorSize}`);
  writeFileSync(file, '');
  truncateSync(file, DISK_BYTES);
  const args = ['--find', '--show', '--sector-size', String(sectorSize), file];
  const path = execFileSync('losetup', args, { encoding: 'utf8' }).trim();
  return { path, file, [Symbol.dispose]: () => execFileSync('losetup', ['-d', path]) };
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

test('what is read after a flush comes from the medium, not from memory', async () => {
  using disk = loop(512);
  await using device = await openBlockDevice(disk.path, { write: true });
  await device.write(0, Buffer.alloc(4096, 'x'));
  await device.flush();
  // Behind the kernel's back, as a disk that does not keep what it was given.
  const bytes = readFileSync(disk.file).subarray(0, 4096).fill('y');
  execFileSync('dd', [`of=${disk.file}`, 'conv=notrunc,fsync', 'status=none'], { input: bytes });
  expect((await device.read(0, 512)).toString()).toBe('x'.repeat(512).replaceAll('x', 'y'));
});

test('a device that is in use, or none, is told', async () => {
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
