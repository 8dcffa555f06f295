import type { Hardware } from '../api/hardware.ts';
import { readDisks } from './disks.ts';
import { readFirmware } from './firmware.ts';
import { readNics } from './nics.ts';
import { readSensors } from './sensors.ts';
import { readWear } from './smart.ts';

/** Reads the hardware of a machine at this moment. Takes some seconds, because the disks are asked for their health. */
export async function readHardware(signal?: AbortSignal): Promise<Hardware> {
  const [firmware, disks, nics, sensors] = await Promise.all([
    readFirmware(),
    readDisks(),
    readNics(),
    readSensors(),
  ]);
  const worn = await Promise.all(
    disks.map(async (disk) => ({ ...disk, wear: await readWear(disk.path, signal) })),
  );
  return { ...firmware, disks: worn, nics, sensors };
}
