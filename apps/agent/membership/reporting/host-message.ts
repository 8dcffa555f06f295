import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Health } from '../../../api/health.ts';
import type { Host } from '../../../api/host.ts';
import {
  DiskType,
  type HardwareIdentity,
  type HostHealth,
  HostHealthSchema,
  type HostInfo,
  HostInfoSchema,
  type HostLoad,
  HostLoadSchema,
  NetworkCardType,
} from '../../../proto/gen/quantix/v1/host_pb.js';
import { uint32, uint64 } from './numbers.ts';

const DISKS = {
  hdd: DiskType.HDD,
  ssd: DiskType.SSD,
  nvme: DiskType.NVME,
  virtual: DiskType.VIRTUAL,
  removable: DiskType.REMOVABLE,
} as const;

const CARDS = { ethernet: NetworkCardType.ETHERNET, wifi: NetworkCardType.WIFI } as const;

/** What a host is made of, as a message. */
export function hostInfo(host: Host, agentVersion: string, hardware: HardwareIdentity): HostInfo {
  const { cpu, memory } = host;
  return create(HostInfoSchema, {
    hostname: host.hostname,
    product: host.product,
    productVersion: host.version,
    agentVersion,
    hardware,
    cpu: {
      model: cpu.model,
      sockets: uint32(cpu.sockets),
      cores: uint32(cpu.cores),
      threads: uint32(cpu.threads),
      frequencyMhz: uint32(cpu.frequency ?? 0),
      virtualization: cpu.virtualization,
    },
    memoryTotalBytes: uint64(memory.total),
    memoryHugePagesBytes: uint64(memory.hugePages),
    disks: host.disks.map((disk) => ({
      path: disk.path,
      model: disk.model ?? '',
      serial: disk.serial ?? '',
      sizeBytes: uint64(disk.size),
      type: DISKS[disk.kind],
      readOnly: disk.readOnly,
    })),
    networkCards: host.nics.map((nic) => ({
      name: nic.name,
      mac: nic.mac,
      driver: nic.driver ?? '',
      speedMbps: uint32(nic.speed ?? 0),
      mtu: uint32(nic.mtu),
      type: CARDS[nic.kind],
    })),
  });
}

/** How a host fares, as a message. */
export function hostLoad(host: Host, runningVms: number): HostLoad {
  const [load1m, load5m, load15m] = host.load;
  return create(HostLoadSchema, {
    uptimeSeconds: uint64(host.uptime),
    load1m,
    load5m,
    load15m,
    cpuUsage: host.cpuUsage,
    memoryTotalBytes: uint64(host.memory.total),
    memoryAvailableBytes: uint64(host.memory.available),
    runningVms: uint32(runningVms),
  });
}

/** What is wrong with a host, as a message. @param certificateEnds milliseconds since 1970 */
export function healthMessage(health: Health | undefined, certificateEnds: number): HostHealth {
  return create(HostHealthSchema, {
    problems: health?.problems ?? [],
    persistent: health?.dataDisk.persistent ?? false,
    maintenance: health?.maintenance.on ?? false,
    certificateEndsAt: timestampFromMs(certificateEnds),
  });
}
