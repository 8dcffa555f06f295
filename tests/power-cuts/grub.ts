import { type BlockDevice, sliceDevice } from '../../build/disk/block-device.ts';
import { ENVIRONMENT_PATH, encodeBootState, readBootState } from '../../build/disk/boot-state.ts';
import { chooseSlot } from '../../build/disk/choose-slot.ts';
import { locateFile } from '../../build/disk/fat32.ts';
import { type DiskLayout, findPartition, type Slot } from '../../build/disk/layout.ts';
import { readTrailer } from '../../build/disk/slot-trailer.ts';

/** A partition of a disk as a device. */
export function partOf(
  device: BlockDevice,
  layout: DiskLayout,
  role: 'efi' | Slot | 'configuration',
): BlockDevice {
  const { offset, bytes } = findPartition(layout, role);
  return sliceDevice(device, offset, bytes);
}

/**
 * Boots a disk as GRUB does, which writes its environment sector by sector and flushes nothing.
 * @returns the slot that it boots
 */
export async function bootOnce(device: BlockDevice, layout: DiskLayout): Promise<Slot | null> {
  const efi = partOf(device, layout, 'efi');
  const before = await readBootState(efi);
  const present = async (slot: Slot) =>
    (await readTrailer(partOf(device, layout, slot))) !== undefined;
  const { slot, state } = chooseSlot(
    before,
    { a: await present('a'), b: await present('b') },
    true,
  );
  if (state === undefined || JSON.stringify(state) === JSON.stringify(before)) return slot;
  const [first] = (await locateFile(efi, ENVIRONMENT_PATH))?.extents ?? [];
  if (first === undefined) throw new Error('GRUB’s environment is gone');
  const { sectorSize } = efi;
  for (let at = 0; at < 1024; at += sectorSize) {
    const sector = Buffer.from(await efi.read(first.offset + at, sectorSize));
    encodeBootState(state).copy(sector, 0, at);
    await efi.write(first.offset + at, sector);
  }
  return slot;
}
