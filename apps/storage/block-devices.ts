import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readDiskSerial } from '../host/disk-serial.ts';
import { readAttribute, readNames, readNumber } from '../host/read.ts';
import { getErrorCode } from '../process/code-of.ts';

/** A disk, a partition, or a multipath device. */
export interface BlockDevice {
  /** Such as `/dev/sda1`. */
  path: string;
  /** Serial number of the disk; `null` if it has none. */
  serial: string | null;
  /** Whether it is a multipath device. */
  isMultipath: boolean;
}

/** Devices that are not disks of the host: memory, files, optical discs, network block devices. */
const NO_DISKS = /^(loop|ram|zram|fd|sr|nbd)\d/;

/**
 * Reads the devices on which a file system of the host may be. Devices that are part of another one, such as one path
 * to a disk, and logical volumes are left out: logical volumes belong to guests.
 * @param root folder that contains sys
 */
export async function readBlockDevices(root = '/'): Promise<BlockDevice[]> {
  const names = (await readNames(join(root, 'sys/class/block'))).filter(
    (name) => !NO_DISKS.test(name),
  );
  const devices = await Promise.all(names.map((name) => readDevice(root, name)));
  return devices.filter((device) => device !== null);
}

async function readDevice(root: string, name: string): Promise<BlockDevice | null> {
  const folder = join(root, 'sys/class/block', name);
  const [size, hidden, holders, mapped] = await Promise.all([
    readNumber(join(folder, 'size')),
    readNumber(join(folder, 'hidden')),
    readNames(join(folder, 'holders')),
    readAttribute(join(folder, 'dm/uuid')),
  ]);
  const isMultipath = /^(part\d+-)?mpath-/.test(mapped ?? '');
  if ((size ?? 0) <= 0 || hidden === 1 || holders.length > 0) return null;
  if (name.startsWith('dm-') && !isMultipath) return null;
  const disk = await diskOf(folder);
  return {
    path: `/dev/${name.replaceAll('!', '/')}`,
    serial: disk === null ? null : await readDiskSerial(disk),
    isMultipath,
  };
}

/** Returns the folder in sysfs of a disk or, for a partition, of its disk; `null` if the device no longer exists. */
async function diskOf(folder: string): Promise<string | null> {
  try {
    const place = await realpath(folder);
    const isPartition = (await readNumber(join(place, 'partition'))) !== null;
    return isPartition ? dirname(place) : place;
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return null;
    throw error;
  }
}
