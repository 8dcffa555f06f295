import type { Hardware } from '../api/hardware.ts';
import { readDisks } from './disks.ts';
import { readFirmware } from './firmware.ts';
import { readNics } from './nics.ts';
import { readSensors } from './sensors.ts';
import { readWear } from './smart.ts';

/** What a machine is made of, at this moment. Disks are asked how they fare, so it takes its time. */
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
