import { expect, test } from 'vitest';
import { startImage } from '../../../../apps/disk/start-image.ts';
import { type BlockDevice, sliceDevice } from '../../../../build/disk/block-device.ts';
import { deriveGuids, isDerivedGuid } from '../../../../build/disk/derived-guid.ts';
import { readGpt } from '../../../../build/disk/gpt.ts';
import { findPartition } from '../../../../build/disk/layout.ts';
import { readLayout } from '../../../../build/disk/read-layout.ts';
import { readTrailer } from '../../../../build/disk/slot-trailer.ts';
import { writeInstalledDisk } from '../../../../build/disk/write-installed-disk.ts';
import { DISK_BYTES, installRequest, smallLayout, TRAILER } from '../../disk/installed.ts';
import { MemoryDevice } from '../../disk/memory-device.ts';

const MIB = 1024 * 1024;

/** Writes a disk image to a disk of another size. */
async function imageOn(bytes: number, sectorSize: number): Promise<MemoryDevice> {
  const image = new MemoryDevice(DISK_BYTES, sectorSize);
  const layout = smallLayout(image);
  const newGuid = deriveGuids('an image');
  const guid = newGuid();
  const partitions = layout.partitions.map((one) => ({ ...one, guid: newGuid() }));
  await writeInstalledDisk(image, installRequest({ ...layout, guid, partitions }));
  const disk = new MemoryDevice(bytes, sectorSize);
  for (const { offset, bytes: piece } of image.written()) {
    if (offset + piece.length <= bytes) await disk.write(offset, piece);
  }
  return disk;
}

/** Starts a disk. @returns whether it was the first start, the file systems that were made, and the partition table */
async function start(disk: MemoryDevice) {
  const made: string[] = [];
  const started = await startImage(disk, async ({ name, bytes }) => {
    made.push(`${name} ${bytes / MIB}`);
  });
  return { started, made, gpt: await readGpt(disk) };
}

test.each([512, 4096])(
  'on sectors of %d bytes, the first start gives the rest of the disk to data, and generates all identifiers',
  async (sectorSize) => {
    const disk = await imageOn(2048 * MIB, sectorSize);
    const before = await readGpt(disk);
    expect(before?.bothCopies).toBe(false);
    const { started, made, gpt } = await start(disk);
    expect(started).toBe(true);
    expect(gpt?.bothCopies).toBe(true);
    const data = gpt?.partitions.at(-1);
    const end = (data?.offset ?? 0) + (data?.bytes ?? 0);
    expect(2048 * MIB - end).toBeLessThanOrEqual(MIB);
    expect(made).toEqual(['QUANTIX-CFG 256', `QUANTIX-DATA ${(data?.bytes ?? 0) / MIB}`]);
    const guids = [gpt?.guid ?? '', ...(gpt?.partitions ?? []).map(({ guid }) => guid)];
    expect(guids.filter(isDerivedGuid)).toEqual([]);
    expect(new Set(guids).size).toBe(guids.length);
    const layout = await readLayout(disk);
    if (layout === undefined) throw new Error('this is not the disk of an appliance');
    const { offset, bytes } = findPartition(layout, 'a');
    expect(await readTrailer(sliceDevice(disk, offset, bytes))).toEqual(TRAILER);
    expect(await start(disk)).toEqual({ started: false, made: [], gpt });
  },
);

test('a disk as large as the image is started too', async () => {
  const { started, gpt } = await start(await imageOn(DISK_BYTES, 512));
  expect([started, gpt?.bothCopies, isDerivedGuid(gpt?.guid ?? '')]).toEqual([true, true, false]);
});

test.each([
  ['that ends within the data partition', DISK_BYTES - 8 * MIB],
  ['that lacks only the backup of the table', DISK_BYTES - MIB],
])('a disk %s is refused, and nothing is written to it', async (_, bytes) => {
  const disk = await imageOn(bytes, 512);
  const before = [...disk.written()].map(({ offset, bytes: page }) => [
    offset,
    page.toString('hex'),
  ]);
  await expect(start(disk)).rejects.toThrow('not the disk of an appliance');
  const after = [...disk.written()].map(({ offset, bytes: page }) => [
    offset,
    page.toString('hex'),
  ]);
  expect(after).toEqual(before);
});

test('a disk that is not of an appliance is not changed', async () => {
  const empty = new MemoryDevice(DISK_BYTES, 512);
  await expect(start(empty)).rejects.toThrow('not the disk of an appliance');
  expect([...empty.written()]).toEqual([]);
});

test('a first start that is interrupted anywhere is repeated by the next start', async () => {
  for (let writes = 0; writes < 20; writes += 1) {
    const disk = await imageOn(1024 * MIB, 512);
    let left = writes;
    const cut: BlockDevice = {
      ...{ sectorSize: disk.sectorSize, bytes: disk.bytes, flush: async () => undefined },
      read: (offset, length) => disk.read(offset, length),
      write: async (offset, data) => {
        if (left === 0) throw new Error('power is gone');
        left -= 1;
        await disk.write(offset, data);
      },
    };
    const whole = await startImage(cut, async () => undefined).catch(() => 'cut');
    expect(await readLayout(disk)).toBeDefined();
    if (whole !== 'cut') return expect(writes).toBeGreaterThan(4);
    const { started, gpt } = await start(disk);
    // The disk counts as started once its identifier is written; then a copy of the table is written.
    if (started) expect(gpt?.bothCopies).toBe(true);
    expect(isDerivedGuid(gpt?.guid ?? '')).toBe(false);
  }
  expect.unreachable('it never comes to its end');
});
