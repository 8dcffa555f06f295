import { join } from 'node:path';
import type { Disk } from '../api/host.ts';
import { readDiskSerial } from './disk-serial.ts';
import { readAttribute, readNames, readNumber, readTarget } from './read.ts';

/** Bytes of a sector in /sys, independent of the disk's own sectors (Documentation/block/stat.rst). */
const SECTOR = 512;

/** SCSI device types of disks, but not of tapes, CDs or robots: direct access, optical, simplified, zoned. */
const DISK_TYPES: readonly number[] = [0, 7, 14, 20];

/** Vendors of virtual disks. */
const INVENTED = /^(QEMU|VMware|Virtual|Msft|VBOX|Xen)\b/i;

/**
 * Reads the disks of a machine: hardware, and virtual disks of a hypervisor. Loop devices, RAM disks, logical volumes
 * and arrays are left out, as are CD drives and card readers without a card.
 * @param root folder that contains sys
 */
export async function readDisks(root = '/'): Promise<Disk[]> {
  const folder = join(root, 'sys/block');
  const disks = await Promise.all(
    (await readNames(folder)).map((name) => readDisk(join(folder, name), name)),
  );
  return disks.filter((disk) => disk !== null);
}

async function readDisk(folder: string, name: string): Promise<Disk | null> {
  if (/^mmcblk\d+(boot\d+|rpmb)$/.test(name) || !(await isDisk(folder))) return null;
  const sectors = (await readNumber(join(folder, 'size'))) ?? 0;
  if (sectors <= 0) return null;
  const model = await diskModel(folder);
  return {
    path: `/dev/${name.replaceAll('!', '/')}`,
    model,
    serial: await readDiskSerial(folder),
    size: sectors * SECTOR,
    kind: await readKind(folder, name, model),
    readOnly: (await readNumber(join(folder, 'ro'))) === 1,
  };
}

/**
 * Returns whether a device is a disk of hardware or of a hypervisor. If several paths lead to a disk, the kernel hides
 * their devices; these do not count.
 */
async function isDisk(folder: string): Promise<boolean> {
  const [device, type, hidden] = await Promise.all([
    readTarget(join(folder, 'device')),
    readNumber(join(folder, 'device/type')),
    readNumber(join(folder, 'hidden')),
  ]);
  return device !== null && hidden !== 1 && (type === null || DISK_TYPES.includes(type));
}

async function readKind(folder: string, name: string, model: string | null): Promise<Disk['kind']> {
  const [removable, rotational, place, subsystem, vendor] = await Promise.all([
    readNumber(join(folder, 'removable')),
    readNumber(join(folder, 'queue/rotational')),
    readTarget(folder),
    readTarget(join(folder, 'device/subsystem')),
    readAttribute(join(folder, 'device/vendor')),
  ]);
  if (name.startsWith('nvme')) return 'nvme';
  if (removable === 1 || /\/usb\d+\//.test(place ?? '')) return 'removable';
  const isInvented = INVENTED.test(vendor ?? '') || INVENTED.test(model ?? '');
  if (isInvented || /\/(virtio|xen|vmbus)$/.test(subsystem ?? '')) return 'virtual';
  return rotational === 1 ? 'hdd' : 'ssd';
}

/**
 * Reads the model of a disk: for SCSI its vendor and model, for SATA and NVMe its model, for a memory card its name;
 * `null` if it has none.
 */
async function diskModel(folder: string): Promise<string | null> {
  const [vendor, model, card] = await Promise.all([
    readAttribute(join(folder, 'device/vendor')),
    readAttribute(join(folder, 'device/model')),
    readAttribute(join(folder, 'device/name')),
  ]);
  if (model === null) return clean(card);
  // The vendor of SATA disks is part of the model; that of virtio and PCI devices is a number.
  const isMaker = vendor !== null && vendor !== 'ATA' && !vendor.startsWith('0x');
  return clean(isMaker ? `${vendor} ${model}` : model);
}

/** Replaces unprintable characters: firmware may put anything into a name. */
function clean(text: string | null): string | null {
  return text?.replaceAll(/[^\x20-\x7e]+/g, '?').replaceAll(/ +/g, ' ') ?? null;
}
