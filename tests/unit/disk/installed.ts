import { createHash, randomUUID } from 'node:crypto';
import type { BlockDevice } from '../../../build/disk/block-device.ts';
import type { DiskLayout } from '../../../build/disk/layout.ts';
import { planLayout } from '../../../build/disk/plan-layout.ts';
import type { SlotTrailer } from '../../../build/disk/slot-trailer.ts';
import {
  type InstalledDiskRequest,
  writeInstalledDisk,
} from '../../../build/disk/write-installed-disk.ts';

const MIB = 1024 * 1024;

/** A stand-in for an image. */
export const IMAGE = Buffer.alloc(40_000, 'an image ');
export const SLOT_BYTES = 2 * MIB;
/** Bytes of a disk with small slots. */
export const DISK_BYTES = 640 * MIB;

export const TRAILER: SlotTrailer = trailerOf(IMAGE, '0.1.0');

/** Returns the trailer of a slot with this image. */
export function trailerOf(image: Buffer, version: string): SlotTrailer {
  return {
    product: 'quantix-os',
    version,
    base: 'alpine',
    architecture: 'x86_64',
    buildId: '00112233445566778899aabbccddeeff',
    imageBytes: image.length,
    sha256: createHash('sha256').update(image).digest('hex'),
  };
}

/** The layout of a disk with small slots. */
export function smallLayout(device: { bytes: number; sectorSize: number }): DiskLayout {
  return planLayout({
    bytes: device.bytes,
    sectorSize: device.sectorSize,
    labelPrefix: 'QUANTIX',
    imageBytes: IMAGE.length,
    slotBytes: SLOT_BYTES,
    data: 'rest',
    bios: true,
    newGuid: randomUUID,
  });
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Input for writing an installed disk. */
export function installRequest(
  layout: DiskLayout,
  {
    image = IMAGE,
    ...rest
  }: { image?: Buffer } & Partial<Omit<InstalledDiskRequest, 'image'>> = {},
): InstalledDiskRequest {
  const bios = { boot: bootSector(), core: Buffer.alloc(30_000, 'core') };
  return {
    layout,
    image: inPieces(image, 7000),
    trailer: trailerOf(image, '0.1.0'),
    boot: {
      efi: new Map([
        ['/EFI/BOOT/BOOTX64.EFI', Buffer.alloc(9000, 'loader')],
        ['/grub/grub.cfg', Buffer.from('# fixed\n')],
      ]),
      bios: layout.partitions.some(({ role }) => role === 'bios') ? bios : undefined,
    },
    epoch: 1_700_000_000,
    makeFileSystem: async () => {},
    ...rest,
  };
}

function bootSector(): Buffer {
  const sector = Buffer.alloc(512, 'boot');
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

/** Writes an installed disk whose slot A has `IMAGE`. @param more paths of additional files on the EFI partition */
export async function install(
  device: BlockDevice,
  more: Readonly<Record<string, Buffer>> = {},
): Promise<DiskLayout> {
  const layout = smallLayout(device);
  const { boot, ...request } = installRequest(layout);
  const efi = new Map([...boot.efi, ...Object.entries(more)]);
  await writeInstalledDisk(device, { ...request, boot: { ...boot, efi } });
  return layout;
}
