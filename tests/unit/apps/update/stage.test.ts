import { beforeEach, describe, expect, test } from 'vitest';
import { type Staging, stage } from '../../../../apps/update/stage.ts';
import { readBootState, writeBootState } from '../../../../build/disk/boot-state.ts';
import { readTrailer } from '../../../../build/disk/slot-trailer.ts';
import { DISK_BYTES } from '../../disk/installed.ts';
import { MemoryDevice } from '../../disk/memory-device.ts';
import { boot, hastyClock, imageOf, openOn, releaseOf, sourceOf, worldOn } from './world.ts';

const IMAGE = imageOf('0.2.0');
const ACCEPTED = releaseOf(IMAGE);

describe.each([512, 4096])('on a disk with sectors of %d bytes', (sectorSize) => {
  let device: MemoryDevice;
  let staging: Staging & { source: ReturnType<typeof sourceOf> };
  let layout: Awaited<ReturnType<typeof worldOn>>['layout'];
  const slot = () => openOn(device, layout, 'a').slots.b;

  beforeEach(async () => {
    device = new MemoryDevice(DISK_BYTES, sectorSize);
    await using world = await worldOn(device);
    layout = world.layout;
    const { efi, slots } = openOn(device, layout, 'a');
    staging = {
      target: { efi, slot: slots.b },
      accepted: ACCEPTED,
      source: sourceOf(IMAGE),
      clock: hastyClock(),
      signal: new AbortController().signal,
      flushEvery: 100_000,
    };
  });

  const padded = (bytes: number) => Math.ceil(bytes / sectorSize) * sectorSize;
  const imageInSlot = async () =>
    (await slot().read(0, padded(IMAGE.length))).subarray(0, IMAGE.length);

  test('a release is written to the other slot, byte for byte, and release.json to its trailer', async () => {
    expect(await stage(staging)).toBe('written');
    expect((await imageInSlot()).equals(IMAGE)).toBe(true);
    expect(await readTrailer(slot())).toMatchObject({
      version: '0.2.0',
      imageBytes: IMAGE.length,
      release: ACCEPTED.envelope,
    });
    expect(await boot(device, layout)).toBe('a');
  });

  test('a staged release is not downloaded again', async () => {
    await stage(staging);
    const source = sourceOf(IMAGE);
    expect(await stage({ ...staging, source })).toBe('was there');
    expect(source.asked).toEqual([]);
  });

  test('the same image under a newer release.json is not downloaded again', async () => {
    await stage(staging);
    const source = sourceOf(IMAGE);
    const newer = releaseOf(IMAGE, { serial: 3 });
    expect(await stage({ ...staging, source, accepted: newer })).toBe('written');
    expect(source.asked).toEqual([]);
    expect((await imageInSlot()).equals(IMAGE)).toBe(true);
    expect((await readTrailer(slot()))?.release).toBe(newer.envelope);
  });

  test('a cancelled download resumes from the flushed part, and leaves no image in the slot meanwhile', async () => {
    const cancel = new AbortController();
    const onProgress = (done: number) => {
      if (done >= 200_000) cancel.abort();
    };
    const cancelled = { ...staging, signal: cancel.signal, onProgress, pieceBytes: 50_000 };
    await expect(stage(cancelled)).rejects.toThrow(/abort/);
    expect(await readTrailer(slot())).toBeUndefined();
    expect((await slot().read(0, 4096)).some((byte) => byte > 0)).toBe(false);
    const source = sourceOf(IMAGE);
    expect(await stage({ ...staging, source })).toBe('written');
    expect(source.asked).toHaveLength(1);
    expect(source.asked[0]).toBeGreaterThan(90_000);
    expect((await imageInSlot()).equals(IMAGE)).toBe(true);
  });

  test('damage since a cancelled download is found at the end, and everything is downloaded again', async () => {
    const cancel = new AbortController();
    const onProgress = (done: number) => {
      if (done >= 200_000) cancel.abort();
    };
    const cancelled = { ...staging, signal: cancel.signal, onProgress, pieceBytes: 50_000 };
    await expect(stage(cancelled)).rejects.toThrow(/abort/);
    await slot().write(81_920, Buffer.alloc(sectorSize, 'damaged'));
    const source = sourceOf(IMAGE);
    expect(await stage({ ...staging, source })).toBe('written');
    expect(source.asked.at(-1)).toBe(0);
    expect((await imageInSlot()).equals(IMAGE)).toBe(true);
  });

  test('an image that was tampered with at any of 100 places is refused, and cannot be booted', async () => {
    for (let place = 0; place < 100; place += 1) {
      const tampered = Buffer.from(IMAGE);
      const at = Math.floor((place / 99) * (IMAGE.length - 1));
      tampered[at] = (tampered[at] ?? 0) ^ 1;
      await expect(stage({ ...staging, source: sourceOf(tampered, 300_000) })).rejects.toThrow(
        'what was read back from the disk is not the image that the release names',
      );
      expect(await readTrailer(slot())).toBeUndefined();
      expect((await slot().read(0, 4096)).some((byte) => byte > 0)).toBe(false);
    }
    expect(await boot(device, layout)).toBe('a');
    expect(await stage(staging)).toBe('written');
  });

  test('staging ends the trial of an activated version from the first written byte', async () => {
    await stage(staging);
    await writeBootState(staging.target.efi, { good: 'a', trial: 'b', left: 3 });
    const failing = {
      ...sourceOf(IMAGE),
      openImage: () => {
        throw new Error('no image');
      },
    };
    const other = releaseOf(imageOf('0.3.0'));
    await expect(stage({ ...staging, accepted: other, source: failing })).rejects.toThrow();
    expect(await readBootState(staging.target.efi)).toEqual({ good: 'a', trial: null, left: 0 });
    expect(await boot(device, layout)).toBe('a');
  });

  test('a disk that reads back other bytes than were written is reported', async () => {
    const lying = {
      ...slot(),
      read: async (offset: number, length: number) => {
        const bytes = await slot().read(offset, length);
        if (offset > 0 && offset < 1024 * 1024 - 200_000) bytes[0] = (bytes[0] ?? 0) ^ 1;
        return bytes;
      },
    };
    const target = { ...staging.target, slot: lying };
    await expect(stage({ ...staging, target })).rejects.toThrow(/read back/);
    expect(await readTrailer(slot())).toBeUndefined();
  });
});
