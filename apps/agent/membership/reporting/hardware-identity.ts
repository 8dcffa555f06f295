import { readFile } from 'node:fs/promises';
import { readFirmware } from '../../../host/firmware.ts';
import type { HardwareIdentity } from '../../../proto/gen/quantix/v1/host_pb.js';

/** File with the kernel's boot id (proc_sys_kernel(5)). */
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** Reads the identity of the machine and of its boot. @throws errors of the kernel */
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
