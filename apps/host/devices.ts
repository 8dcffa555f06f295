import { basename, join } from 'node:path';
import type { PciDevice } from '../api/host.ts';
import { readAttribute, readNames, readNumber, readTarget } from './read.ts';

/** Largest number of devices: a host with many virtual functions has some hundreds. */
const MOST = 4096;

/** Class of bridges (PCI Code and ID Assignment Specification), which are not passed to guests. */
const BRIDGE = '06';

/**
 * Reads the PCI devices of a machine that could be passed to a guest, by address.
 * @param root folder that contains sys
 */
export async function readPciDevices(root = '/'): Promise<PciDevice[]> {
  const folder = join(root, 'sys/bus/pci/devices');
  const names = (await readNames(folder)).filter((name) =>
    /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/.test(name),
  );
  const devices = await Promise.all(
    names.slice(0, MOST).map((name) => readPciDevice(join(folder, name), name)),
  );
  return devices.filter((device) => device !== null);
}

async function readPciDevice(folder: string, address: string): Promise<PciDevice | null> {
  const [vendor, device, kind, driver, group, possible, present, parent] = await Promise.all([
    readAttribute(join(folder, 'vendor')),
    readAttribute(join(folder, 'device')),
    readAttribute(join(folder, 'class')),
    readTarget(join(folder, 'driver')),
    readTarget(join(folder, 'iommu_group')),
    readNumber(join(folder, 'sriov_totalvfs')),
    readNumber(join(folder, 'sriov_numvfs')),
    readTarget(join(folder, 'physfn')),
  ]);
  const [, deviceClass = ''] = /^0x([0-9a-f]{4})/.exec(kind ?? '') ?? [];
  if (deviceClass === '' || deviceClass.startsWith(BRIDGE)) return null;
  const iommuGroup = group === null ? '' : basename(group);
  return {
    address,
    id: [vendor, device].map((one) => (one ?? '').replace(/^0x/, '')).join(':'),
    deviceClass,
    driver: driver === null ? null : basename(driver),
    iommuGroup: /^\d{1,9}$/.test(iommuGroup) ? Number(iommuGroup) : null,
    virtualFunctionsPossible: possible ?? 0,
    virtualFunctions: present ?? 0,
    physicalFunction: parent === null ? null : basename(parent),
  };
}
