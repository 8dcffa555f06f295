import { readFile } from 'node:fs/promises';
import { readFirmware } from '../../../host/firmware.ts';
import type { HardwareIdentity } from '../../../proto/gen/quantix/v1/host_pb.js';

/** Where the kernel tells its boot id (proc_sys_kernel(5)). */
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** Which machine this is, and which boot of it. @throws what the kernel says against it */
export async function readHardwareIdentity(): Promise<HardwareIdentity> {
  const { uuid, serial, vendor, model } = await readFirmware();
  const bootId = (await readFile(BOOT_ID, 'utf8')).trim();
  return {
    $typeName: 'quantix.v1.HardwareIdentity',
    smbiosUuid: uuid ?? '',
    serial: serial ?? '',
    vendor: vendor ?? '',
    model: model ?? '',
    bootId,
  };
}
