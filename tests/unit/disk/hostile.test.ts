import { randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { sliceDevice } from '../../../build/disk/block-device.ts';
import {
  decodeBootState,
  ENVIRONMENT_PATH,
  readBootState,
  writeBootState,
} from '../../../build/disk/boot-state.ts';
import { chooseSlot } from '../../../build/disk/choose-slot.ts';
import { formatFat32, locateFile } from '../../../build/disk/fat32.ts';
import { encodeGpt, readGpt } from '../../../build/disk/gpt.ts';
import { findPartition } from '../../../build/disk/layout.ts';
import { planLayout } from '../../../build/disk/plan-layout.ts';
import { readTrailer, writeTrailer } from '../../../build/disk/slot-trailer.ts';
import { writeGpt, writeInstalledDisk } from '../../../build/disk/write-installed-disk.ts';
import { DISK_BYTES, IMAGE, install, installRequest, smallLayout, TRAILER } from './installed.ts';
import { MemoryDevice } from './memory-device.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const SECTORS = [512, 4096];

/** Changes bytes of a device, in whole sectors. */
async function poke(device: MemoryDevice, at: number, bytes: Buffer): Promise<void> {
  const { sectorSize } = device;
  const from = at - (at % sectorSize);
  const sector = await device.read(from, sectorSize);
  bytes.copy(sector, at - from);
  await device.write(from, sector);
}

/** Changes the first copy of a table, and updates its checksums. */
async function forge(device: MemoryDevice, change: (header: Buffer, entries: Buffer) => void) {
  const { sectorSize } = device;
  const bytes = await device.read(sectorSize, sectorSize + 16_384);
  const [header, entries] = [bytes.subarray(0, sectorSize), bytes.subarray(sectorSize)];
  change(header, entries);
  header.writeUInt32LE(crc32(entries.subarray(0, 128 * 128)), 88);
  header.writeUInt32LE(0, 16);
  header.writeUInt32LE(crc32(header.subarray(0, 92)), 16);
  await device.write(sectorSize, bytes);
}

test.each(SECTORS)(
  '%i bytes: the second copy of a table is read when the first is damaged',
  async (sectorSize) => {
    const device = new MemoryDevice(DISK_BYTES, sectorSize);
    const layout = await install(device);
    await poke(device, sectorSize + 60, Buffer.from([0xff]));
    expect(await readGpt(device)).toMatchObject({
      copy: 'backup',
      bothCopies: false,
      guid: layout.guid,
    });
    await device.write(device.bytes - sectorSize, Buffer.alloc(sectorSize));
    expect(await readGpt(device)).toBeUndefined();
    await writeGpt(device, layout);
    expect(await readGpt(device)).toMatchObject({ copy: 'primary', bothCopies: true });
  },
);

test('a table on a disk that was enlarged is accepted, and reported as lacking its second copy at the end', async () => {
  const layout = smallLayout({ bytes: DISK_BYTES, sectorSize: 512 });
  const device = new MemoryDevice(2 * DISK_BYTES, 512);
  for (const { offset, bytes } of Object.values(encodeGpt(layout)))
    await device.write(offset, bytes);
  expect(await readGpt(device)).toMatchObject({ copy: 'primary', bothCopies: false });
});

test.each<[string, (header: Buffer, entries: Buffer) => void]>([
  ['partitions that overlap', (_, entries) => entries.copy(entries, 32 + 256, 32 + 384, 48 + 384)],
  [
    'a partition that ends before it begins',
    (_, entries) => entries.writeBigUInt64LE(0n, 40 + 256),
  ],
  ['a partition beyond the disk', (_, entries) => entries.writeBigUInt64LE(1n << 62n, 40 + 640)],
  ['a partition over the table', (_, entries) => entries.writeBigUInt64LE(1n, 32)],
  ['entries without end', (header) => header.writeUInt32LE(0xffff_ffff, 80)],
  ['entries of no size', (header) => header.writeUInt32LE(0, 84)],
  ['entries far beyond the disk', (header) => header.writeBigUInt64LE(1n << 63n, 72)],
  ['a header for another sector', (header) => header.writeBigUInt64LE(7n, 24)],
])('a table with %s is ignored, and the other copy is used', async (_, change) => {
  const device = new MemoryDevice(DISK_BYTES, 512);
  await install(device);
  await forge(device, change);
  expect((await readGpt(device))?.copy).toBe('backup');
});

test('a disk without a protective MBR, or too small, has no table', async () => {
  const device = new MemoryDevice(DISK_BYTES, 512);
  await install(device);
  await poke(device, 450, Buffer.from([0x83]));
  expect(await readGpt(device)).toBeUndefined();
  expect(await readGpt(new MemoryDevice(1024, 512))).toBeUndefined();
  expect(await readGpt(new MemoryDevice(0, 512))).toBeUndefined();
});

test.each<[string, number, Buffer, RegExp]>([
  ['no boot sector', 510, Buffer.from([0, 0]), /not marked/],
  ['sectors of no size', 11, Buffer.from([0, 0]), /boot sector/],
  ['sectors smaller than the disk’s', 11, Buffer.from([0, 2]), /smaller/],
  ['clusters of no size', 13, Buffer.from([0]), /boot sector/],
  ['more sectors than the partition', 32, Buffer.from([0xff, 0xff, 0xff, 0xff]), /larger/],
  ['a root directory outside', 44, Buffer.from([0xf0, 0xff, 0xff, 0x0f]), /leaves it/],
  ['a table that is too short', 36, Buffer.from([1, 0, 0, 0]), /too short/],
])('an EFI partition with %s is refused', async (_, at, bytes, why) => {
  const device = new MemoryDevice(DISK_BYTES, 4096);
  const { offset, bytes: size } = findPartition(await install(device), 'efi');
  await poke(device, offset + at, bytes);
  await expect(locateFile(sliceDevice(device, offset, size), ENVIRONMENT_PATH)).rejects.toThrow(
    why,
  );
});

test('an EFI partition whose root directory is a loop of clusters is refused', async () => {
  const device = new MemoryDevice(DISK_BYTES, 4096);
  const { offset, bytes } = findPartition(await install(device), 'efi');
  const efi = sliceDevice(device, offset, bytes);
  await poke(device, offset + 32 * 4096 + 8, Buffer.from([2, 0, 0, 0]));
  const root = offset + (32 + 2 * Math.ceil(((bytes / 4096 - 30) * 4) / 4096)) * 4096;
  await device.write(root, Buffer.alloc(4096, 0xe5));
  await expect(locateFile(efi, ENVIRONMENT_PATH)).rejects.toThrow(/has no end/);
});

test('files that FAT32 cannot hold are refused', () => {
  const request = {
    bytes: 300 * MIB,
    offset: MIB,
    sectorSize: 512,
    label: 'X',
    serial: 1,
    epoch: 0,
  };
  const format = (path: string, bytes = request.bytes) =>
    formatFat32({ ...request, bytes, files: new Map([[path, Buffer.alloc(1)]]) });
  for (const name of ['/a name.efi', '/Mixed.efi', '/waytoolong.efi', '/a/../b', '/ä', '/.x']) {
    expect(() => format(name), name).toThrow(/8\.3/);
  }
  expect(() => format('/a.efi', 200 * MIB)).toThrow(/cannot be FAT32/);
});

test('a boot state of another size, or fragmented, is refused, because one write must replace it', async () => {
  const format = (size: number) =>
    formatFat32({
      ...{ bytes: 300 * MIB, offset: 0, sectorSize: 512, label: 'X', serial: 1, epoch: 0 },
      files: new Map([[ENVIRONMENT_PATH, Buffer.alloc(size, '#')]]),
    });
  for (const size of [512, 2048]) {
    const efi = new MemoryDevice(300 * MIB, 512);
    for (const { offset, bytes } of format(size)) await efi.write(offset, bytes);
    await expect(writeBootState(efi, { good: 'a', trial: null, left: 0 })).rejects.toThrow(/1024/);
  }
  const efi = new MemoryDevice(300 * MIB, 512);
  for (const { offset, bytes } of format(1024)) await efi.write(offset, bytes);
  expect(await readBootState(efi)).toBeUndefined();
  expect(decodeBootState(Buffer.alloc(0))).toBeUndefined();
});

test.each(SECTORS)('%i bytes: a trailer with one changed bit is ignored', async (sectorSize) => {
  const slot = new MemoryDevice(4 * MIB, sectorSize);
  await writeTrailer(slot, TRAILER);
  expect(await readTrailer(slot)).toEqual(TRAILER);
  for (const at of [0, 8, 9, 20, 48, 100, 200]) {
    const [byte = 0] = (await slot.read(3 * MIB, sectorSize)).subarray(at);
    await poke(slot, 3 * MIB + at, Buffer.from([byte ^ 4]));
    expect(await readTrailer(slot), `byte ${at}`).toBeUndefined();
    await poke(slot, 3 * MIB + at, Buffer.from([byte]));
  }
  await expect(writeTrailer(slot, { ...TRAILER, imageBytes: 3 * MIB + 1 })).rejects.toThrow(/fit/);
  await expect(writeTrailer(slot, { ...TRAILER, release: 'x'.repeat(2 * MIB) })).rejects.toThrow();
});

test('GRUB boots the trial slot while it has boots left and can record them, else the good slot, else the other', () => {
  const slots = ['a', 'b'] as const;
  for (const good of slots) {
    for (const trial of [null, ...slots]) {
      for (const left of [0, 1, 2, 3]) {
        for (const number of [0, 1, 2, 3]) {
          for (const canSave of [true, false]) {
            const present = { a: number % 2 === 1, b: number > 1 };
            const choice = chooseSlot({ good, trial, left }, present, canSave);
            const tried = trial !== null && left > 0 && present[trial] && canSave;
            const other = good === 'a' ? 'b' : 'a';
            const kept = present[good] ? good : present[other] ? other : null;
            expect(choice.slot).toBe(tried ? trial : kept);
            expect(choice.state).toEqual({ good, trial, left: tried ? left - 1 : left });
          }
        }
      }
    }
  }
  expect(chooseSlot(undefined, { a: true, b: true }, true)).toEqual({
    slot: 'a',
    state: undefined,
  });
  expect(chooseSlot(undefined, { a: false, b: true }, true).slot).toBe('b');
});

test('partitions of any layout fit the disk without overlap, and the error for a small disk has the missing size', () => {
  const plan = (
    bytes: number,
    sectorSize: number,
    imageBytes: number,
    data: 'rest' | 'none' | number,
  ) =>
    planLayout({
      ...{ bytes, sectorSize, imageBytes, data, bios: true, labelPrefix: 'QVDC' },
      newGuid: randomUUID,
    });
  for (const sectorSize of SECTORS) {
    for (const imageBytes of [1, 200 * MIB, 1.5 * GIB + 1]) {
      for (const data of ['rest', 'none', 10 * GIB + 1] as const) {
        for (const bytes of [64 * GIB, 2000 * GIB + sectorSize, 9000 * GIB]) {
          const { partitions } = plan(bytes, sectorSize, imageBytes, data);
          let end = MIB;
          for (const { offset, bytes: size } of partitions) {
            expect(offset).toBe(end);
            expect(offset % MIB).toBe(0);
            end = offset + size;
          }
          expect(end).toBeLessThanOrEqual(bytes - 33 * sectorSize + 28 * 1024);
          expect(partitions.some(({ role }) => role === 'data')).toBe(data !== 'none');
          const [a, b] = partitions.filter(({ role }) => role === 'a' || role === 'b');
          expect(a?.bytes).toBe(b?.bytes);
          expect(a?.bytes).toBeGreaterThanOrEqual(Math.max(4 * GIB, 4 * imageBytes + MIB));
        }
      }
    }
  }
  expect(() => plan(8 * GIB, 512, 1, 'none')).toThrow(/has 8,192 MiB, and 559 MiB more are needed/);
  expect(plan(8 * GIB + 559 * MIB, 512, 1, 'none').partitions).toHaveLength(5);
  expect(() => plan(64 * GIB, 2048, 1, 'none')).toThrow(/512 or 4096/);
});

test('an image with another hash, or a disk that loses writes, ends an installation, and nothing boots', async () => {
  const device = new MemoryDevice(DISK_BYTES, 512);
  const layout = smallLayout(device);
  const wrong = Buffer.from(IMAGE);
  wrong[20_000] = 0;
  for (const image of [wrong, IMAGE.subarray(1), Buffer.concat([IMAGE, IMAGE])]) {
    const request = { ...installRequest(layout, { image }), trailer: TRAILER };
    await expect(writeInstalledDisk(device, request)).rejects.toThrow(
      /not the one that was announced/,
    );
  }
  const { offset } = findPartition(layout, 'a');
  const forgetful = Object.assign(new MemoryDevice(DISK_BYTES, 512), {
    async write(at: number, data: Uint8Array) {
      if (at !== offset) await MemoryDevice.prototype.write.call(this, at, data);
    },
  });
  await expect(writeInstalledDisk(forgetful, installRequest(layout))).rejects.toThrow(
    /reads back differently/,
  );
  for (const disk of [device, forgetful]) {
    expect((await disk.read(0, 512)).subarray(0, 440)).toEqual(Buffer.alloc(440));
    expect(await disk.read(findPartition(layout, 'efi').offset, 512)).toEqual(Buffer.alloc(512));
  }
});
