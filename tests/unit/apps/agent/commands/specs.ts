import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  DiskBus,
  Firmware,
  HostStopPolicy,
  type VmSpec,
  VmSpecSchema,
  VolumeFormat,
} from '../../../../../apps/proto/gen/quantix/v1/vm_spec_pb.js';

export const ID = '9f1b2c3d-0000-4000-8000-00000000abcd';

/** A small machine. */
export function spec(changes: MessageInitShape<typeof VmSpecSchema> = {}): VmSpec {
  return create(VmSpecSchema, {
    id: ID,
    generation: 1n,
    name: 'web',
    cpus: 2,
    memoryBytes: 64n << 20n,
    firmware: Firmware.BIOS,
    ...changes,
  });
}

/** A machine with all settings. */
export const FULL = spec({
  generation: 7n,
  name: 'Web server 1',
  description: 'a < b & "c"\n‘ü’',
  cpus: 4,
  topology: { sockets: 1, cores: 2, threads: 2 },
  memoryBytes: 2n << 30n,
  firmware: Firmware.UEFI_SECURE,
  disks: [
    {
      volume: { poolId: 'data', name: 'web.qcow2' },
      format: VolumeFormat.QCOW2,
      bootOrder: 1,
      serial: 'root-1',
      discard: true,
    },
    { volume: { poolId: 'group', name: 'lv0' }, format: VolumeFormat.RAW, bus: DiskBus.SCSI },
    { cdrom: true, bootOrder: 2 },
  ],
  nics: [
    { mac: '52:54:00:12:34:56', attachment: { case: 'bridge', value: 'br0' }, vlanId: 10 },
    {
      mac: '52:54:00:12:34:57',
      attachment: { case: 'network', value: 'default' },
      bootOrder: 3,
      unplugged: true,
    },
  ],
  autostart: true,
  startOrder: 10,
  hostStop: HostStopPolicy.SAVE,
  clockLocalTime: true,
  screen: true,
  tpm: true,
});
