import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { sliceDevice } from '../../../build/disk/block-device.ts';
import { readBootState, writeBootState } from '../../../build/disk/boot-state.ts';
import { readGpt } from '../../../build/disk/gpt.ts';
import { findPartition } from '../../../build/disk/layout.ts';
import { readLayout } from '../../../build/disk/read-layout.ts';
import { clearTrailer, readTrailer } from '../../../build/disk/slot-trailer.ts';
import { writeInstalledDisk } from '../../../build/disk/write-installed-disk.ts';
import { DISK_BYTES, IMAGE, install, installRequest, smallLayout, TRAILER } from './installed.ts';
import { MemoryDevice } from './memory-device.ts';

test.each([512, 4096])(
  'an installed disk of %i-byte sectors reads back as written',
  async (sectorSize) => {
    const device = new MemoryDevice(DISK_BYTES, sectorSize);
    const layout = await install(device);
    expect(await readLayout(device)).toEqual(layout);
    expect(await readGpt(device)).toMatchObject({ copy: 'primary', bothCopies: true });
    expect(layout.partitions.some(({ role }) => role === 'bios')).toBe(sectorSize === 512);
    const part = (role: 'efi' | 'a' | 'b') => {
      const { offset, bytes } = findPartition(layout, role);
      return sliceDevice(device, offset, bytes);
    };
    expect(await readTrailer(part('a'))).toEqual(TRAILER);
    expect(await readTrailer(part('b'))).toBeUndefined();
    expect((await part('a').read(0, 40_960)).subarray(0, IMAGE.length)).toEqual(IMAGE);
    expect(await readBootState(part('efi'))).toEqual({ good: 'a', trial: null, left: 0 });
    const state = { good: 'a', trial: 'b', left: 3 } as const;
    await writeBootState(part('efi'), state);
    expect(await readBootState(part('efi'))).toEqual(state);
    await clearTrailer(part('a'));
    expect(await readTrailer(part('a'))).toBeUndefined();
  },
);

test('file systems are made while the image is written, and a failure ends the installation', async () => {
  const device = new MemoryDevice(DISK_BYTES, 512);
  const layout = smallLayout(device);
  let given = 0;
  let isWritten = (): void => undefined;
  const written = new Promise<void>((resolve) => {
    isWritten = resolve;
  });
  async function* image() {
    for (; given < IMAGE.length; given += 100) {
      yield IMAGE.subarray(given, given + 100);
      if (given > IMAGE.length / 2) isWritten();
      await setImmediate();
    }
  }
  const request = installRequest(layout, { makeFileSystem: () => written });
  await writeInstalledDisk(device, { ...request, image: image() });
  given = 0;
  const failing = {
    ...installRequest(layout, { makeFileSystem: () => Promise.reject(new Error('mkfs failed')) }),
    image: image(),
  };
  await expect(writeInstalledDisk(device, failing)).rejects.toThrow('mkfs failed');
  expect(given).toBeLessThan(IMAGE.length);
});
