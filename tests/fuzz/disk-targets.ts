import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import { decodeLoadOption, encodeLoadOption } from '../../apps/installer/boot-entry.ts';
import { assertInside, type BlockDevice, sliceDevice } from '../../build/disk/block-device.ts';
import {
  decodeBootState,
  ENVIRONMENT_PATH,
  encodeBootState,
  readBootState,
} from '../../build/disk/boot-state.ts';
import { locateFile } from '../../build/disk/fat32.ts';
import { readGpt } from '../../build/disk/gpt.ts';
import { type DiskLayout, findPartition } from '../../build/disk/layout.ts';
import { formatMediumFiles, parseMediumFiles } from '../../build/disk/medium-files.ts';
import { readLayout } from '../../build/disk/read-layout.ts';
import { decodeTrailer, encodeTrailer, readTrailer } from '../../build/disk/slot-trailer.ts';
import { ExplainedError } from '../../build/explained-error.ts';
import { DISK_BYTES, install, TRAILER } from '../unit/disk/installed.ts';
import { MemoryDevice } from '../unit/disk/memory-device.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';
import type { Target } from './target.ts';

type Installed = { device: MemoryDevice; layout: DiskLayout };
const made = new Map<number, Promise<Installed>>();

async function make(sectorSize: number): Promise<Installed> {
  const device = new MemoryDevice(DISK_BYTES, sectorSize);
  return { device, layout: await install(device) };
}

function installed(random: Random): Promise<Installed> {
  const sectorSize = random.pick([512, 4096]);
  const disk = made.get(sectorSize) ?? make(sectorSize);
  made.set(sectorSize, disk);
  return disk;
}

/** A device with some changed bytes. */
function patched(device: BlockDevice, at: number, bytes: Buffer): BlockDevice {
  return {
    sectorSize: device.sectorSize,
    bytes: device.bytes,
    async read(offset, length) {
      const read = Buffer.from(await device.read(offset, length));
      const [from, to] = [Math.max(offset, at), Math.min(offset + length, at + bytes.length)];
      if (from < to) bytes.copy(read, from - offset, from - at, to - at);
      return read;
    },
    write: async (offset, data) => assertInside({ offset, length: data.length }, device),
    flush: async () => {},
  };
}

/** Returns the mutated bytes of a range, with their length unchanged. */
async function damaged(
  device: BlockDevice,
  { at, length }: { at: number; length: number },
  random: Random,
): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  mutate(await device.read(at, length), random).copy(bytes);
  return bytes;
}

/** Partition tables, half of them with valid checksums: accepted partitions are on the disk, sector-aligned and disjoint. */
export const gpt: Target = {
  name: 'gpt',
  async once(random) {
    const { device } = await installed(random);
    const { sectorSize } = device;
    const length = 2 * sectorSize + 16_384;
    const bytes = await damaged(device, { at: 0, length }, random);
    if (random.below(2) === 0) seal(bytes, sectorSize);
    const disk = patched(device, 0, bytes);
    const found = await readGpt(disk);
    await readLayout(disk);
    let end = 0;
    for (const { offset, bytes: size } of (found?.partitions ?? []).toSorted(
      (a, b) => a.offset - b.offset,
    )) {
      assertInside({ offset, length: size }, device);
      if (size === 0 || offset < end) throw new Error(`a partition at ${offset} is in another`);
      end = offset + size;
    }
  },
};

function seal(bytes: Buffer, sectorSize: number): void {
  const header = bytes.subarray(sectorSize, 2 * sectorSize);
  bytes.writeUInt16LE(0xaa55, 510);
  bytes[450] = 0xee;
  header.writeUInt32LE(crc32(bytes.subarray(2 * sectorSize, 2 * sectorSize + 16_384)), 88);
  const size = Math.min(header.readUInt32LE(12), sectorSize);
  header.writeUInt32LE(0, 16);
  header.writeUInt32LE(crc32(header.subarray(0, size)), 16);
}

/** EFI partitions: files that are found are within them. */
export const fat32: Target = {
  name: 'fat32',
  async once(random) {
    const { device, layout } = await installed(random);
    const { offset, bytes } = findPartition(layout, 'efi');
    const efi = sliceDevice(device, offset, bytes);
    const { sectorSize } = device;
    const tables = 32 * sectorSize;
    const data = tables + 2 * Math.ceil(((bytes / 4096 + 2) * 4) / sectorSize) * sectorSize;
    const at = random.pick([0, tables, data - (data % sectorSize)]);
    const disk = patched(efi, at, await damaged(efi, { at, length: 8 * 4096 }, random));
    const path = random.pick([ENVIRONMENT_PATH, '/EFI/BOOT/BOOTX64.EFI']);
    const file = await locateFile(disk, path);
    await readBootState(disk);
    const room = (file?.extents ?? []).reduce((sum, extent) => sum + extent.length, 0);
    if (file !== undefined && room < file.bytes) throw new Error(`${file.bytes} bytes in ${room}`);
    for (const extent of file?.extents ?? []) assertInside(extent, efi);
  },
};

/** GRUB's environments: an accepted boot state is valid. */
export const bootState: Target = {
  name: 'boot-state',
  once(random) {
    const slots = ['a', 'b'] as const;
    const state = {
      good: random.pick(slots),
      trial: random.pick([null, ...slots]),
      left: random.below(4),
    };
    const bytes = encodeBootState(state);
    if (JSON.stringify(decodeBootState(bytes)) !== JSON.stringify(state)) {
      throw new Error(`${JSON.stringify(state)} reads otherwise`);
    }
    const found = decodeBootState(mutate(bytes, random));
    if (found === undefined) return;
    const again = decodeBootState(encodeBootState(found));
    if (JSON.stringify(again) !== JSON.stringify(found)) throw new Error('it is no state');
  },
};

/** Trailers of slots, half of them with a valid checksum. */
export const slotTrailer: Target = {
  name: 'slot-trailer',
  async once(random) {
    const whole = encodeTrailer({ ...TRAILER, release: '{"payload":"eyJ9"}' }, 512);
    const bytes = mutate(whole, random);
    if (random.below(2) === 0 && bytes.length > 48) {
      const length = Math.min(bytes.length - 48, bytes.readUInt32LE(8));
      createHash('sha256')
        .update(bytes.subarray(48, 48 + length))
        .digest()
        .copy(bytes, 16);
    }
    const found = decodeTrailer(bytes);
    if (found !== undefined) encodeTrailer(found, 4096);
    const { device, layout } = await installed(random);
    const { offset, bytes: size } = findPartition(layout, 'b');
    const slot = sliceDevice(device, offset, size);
    const read = await readTrailer(patched(slot, size - 1024 * 1024, bytes));
    if (read !== undefined && read.imageBytes > size) throw new Error('it is larger than its slot');
  },
};

/** Entries of a firmware's boot menu: an accepted one that names a file of a partition is formatted unchanged. */
export const loadOption: Target = {
  name: 'load-option',
  async once(random) {
    const entry = encodeLoadOption({
      ...{
        isActive: true,
        label: random.pick(['QvDC', '', 'ä𝄞']),
        loader: '\\EFI\\BOOT\\BOOTX64.EFI',
      },
      partition: {
        ...{ number: random.below(128), firstSector: 4096n, sectors: 614_400n },
        guid: '81635ccd-1b4f-4d3f-b7b7-f78a5b029f35',
      },
    });
    const option = decodeLoadOption(mutate(entry, random));
    if (option === undefined) return;
    const { partition, loader } = option;
    if (partition === null || loader === null) return;
    const again = decodeLoadOption(encodeLoadOption({ ...option, partition, loader }));
    if (!isDeepStrictEqual(again, option)) throw new Error('it reads otherwise');
  },
};

/** Lists of a medium's files: an accepted one is formatted unchanged. */
export const mediumFiles: Target = {
  name: 'medium-files',
  async once(random) {
    const files = new Map(
      Array.from({ length: 1 + random.below(4) }, (_, at): [string, string] => [
        random.pick([`/boot/file${at}`, `/quantix/disk/GRUB${at}.CFG`, `/a_${at}`]),
        createHash('sha256').update(String(at)).digest('hex'),
      ]),
    );
    const text = mutate(Buffer.from(formatMediumFiles(files)), random).toString('utf8');
    try {
      const found = parseMediumFiles(text, 'list');
      const again = parseMediumFiles(formatMediumFiles(found), 'list');
      if (again.size !== found.size) throw new Error('it reads otherwise');
      for (const [path, sha256] of found) {
        if (again.get(path) !== sha256) throw new Error(`${path} reads otherwise`);
        if (path.includes('..')) throw new Error(`${path} leads elsewhere`);
      }
    } catch (error) {
      if (!(error instanceof ExplainedError)) throw error;
    }
  },
};
