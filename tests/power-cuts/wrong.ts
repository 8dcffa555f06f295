import { type BlockDevice, readBytes } from '../../build/disk/block-device.ts';
import {
  type BootState,
  ENVIRONMENT_PATH,
  encodeBootState,
  writeBootState,
} from '../../build/disk/boot-state.ts';
import { locateFile } from '../../build/disk/fat32.ts';
import { clearTrailer, writeTrailer } from '../../build/disk/slot-trailer.ts';
import { partOf } from './grub.ts';
import { RIGHT, trailer, type Updater, writeImage } from './stories.ts';

/** Updates with a wrong order of writes; the tests must find each of them. */
export const BUGS: Readonly<Record<string, Partial<Updater>>> = {
  'the state before the image': {
    async stage(device, layout, to) {
      const state = { good: to.slot === 'a' ? 'b' : 'a', trial: to.slot, left: 3 } as const;
      await writeBootState(partOf(device, layout, 'efi'), state);
      const part = partOf(device, layout, to.slot);
      await clearTrailer(part);
      await writeImage(part, to.name);
      await part.flush();
      await writeTrailer(part, trailer(to.name));
    },
  },
  'no flush': {
    stage: (device, layout, to) => RIGHT.stage(unflushed(device), layout, to),
  },
  'the trailer before the image': {
    async stage(device, layout, { slot, name }) {
      const part = partOf(device, layout, slot);
      await clearTrailer(part);
      await writeTrailer(part, trailer(name));
      await writeImage(part, name);
      await part.flush();
    },
  },
  'the state over two sectors': { writeState: writeWide },
  'the state in a new file, renamed over the old one': { writeState: writeRenamed },
};

function unflushed(device: BlockDevice): BlockDevice {
  return {
    bytes: device.bytes,
    sectorSize: device.sectorSize,
    read: (offset, length) => device.read(offset, length),
    write: (offset, data) => device.write(offset, data),
    flush: async () => {},
  };
}

/** Changes bytes by rewriting the sectors that contain them. */
async function patch(device: BlockDevice, offset: number, bytes: Buffer): Promise<void> {
  const { sectorSize } = device;
  const from = Math.floor(offset / sectorSize) * sectorSize;
  const to = Math.ceil((offset + bytes.length) / sectorSize) * sectorSize;
  const sectors = Buffer.from(await device.read(from, to - from));
  bytes.copy(sectors, offset - from);
  await device.write(from, sectors);
}

async function writeWide(efi: BlockDevice, { good, trial, left }: BootState): Promise<void> {
  const file = await locateFile(efi, ENVIRONMENT_PATH);
  const text = `# GRUB Environment Block\n${'#'.repeat(479)}\ngood=${good}\ntry=${trial ?? '-'}\nleft=${left}\n`;
  const bytes = Buffer.alloc(1024, '#');
  bytes.write(text, 0, 'latin1');
  await patch(efi, file?.extents[0]?.offset ?? 0, bytes);
  await efi.flush();
}

/**
 * Writes the boot state as a mounted FAT file system does: the content to a free cluster, then the directory's entry
 * and both tables.
 */
async function writeRenamed(efi: BlockDevice, state: BootState): Promise<void> {
  const boot = await readBytes(efi, 0, 512);
  const sectorSize = boot.readUInt16LE(11);
  const clusterBytes = sectorSize * (boot[13] ?? 1);
  const table = boot.readUInt16LE(14) * sectorSize;
  const tableBytes = boot.readUInt32LE(36) * sectorSize;
  const data = table + 2 * tableBytes;
  const file = await locateFile(efi, ENVIRONMENT_PATH);
  const old = ((file?.extents[0]?.offset ?? 0) - data) / clusterBytes + 2;
  const free = old === 500 ? 501 : 500;
  await patch(efi, data + (free - 2) * clusterBytes, encodeBootState(state));
  const number = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  for (const at of [table, table + tableBytes]) {
    await patch(efi, at + free * 4, number(0x0fff_ffff));
    await patch(efi, at + old * 4, number(0));
  }
  for (let at = data; at < data + 100 * clusterBytes; at += 32) {
    const entry = await readBytes(efi, at, 32);
    if (entry.toString('latin1', 0, 11) !== 'GRUBENV    ') continue;
    entry.writeUInt16LE(free, 26);
    await patch(efi, at, entry);
  }
  await efi.flush();
}
