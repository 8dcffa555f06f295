import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Health } from '../../../api/health.ts';
import type { Build, Host } from '../../../api/host.ts';
import { ARCHITECTURE } from '../../../host/image.ts';
import {
  DiskType,
  type HardwareIdentity,
  type HostHealth,
  HostHealthSchema,
  type HostInfo,
  HostInfoSchema,
  type HostLoad,
  HostLoadSchema,
  InterfaceType,
  NetworkCardType,
} from '../../../proto/gen/quantix/v1/host_pb.js';
import type { ServiceFact } from '../facts.ts';
import { toUint32, toUint64 } from './numbers.ts';

const DISKS = {
  hdd: DiskType.HDD,
  ssd: DiskType.SSD,
  nvme: DiskType.NVME,
  virtual: DiskType.VIRTUAL,
  removable: DiskType.REMOVABLE,
} as const;

const LINKS = {
  card: InterfaceType.CARD,
  bridge: InterfaceType.BRIDGE,
  bond: InterfaceType.BOND,
  vlan: InterfaceType.VLAN,
} as const;

const CARDS = { ethernet: NetworkCardType.ETHERNET, wifi: NetworkCardType.WIFI } as const;

/** Optional facts about a host; facts that could not be read are absent. */
export interface OptionalHostFacts {
  readonly build?: Build | undefined;
  /** Names of libvirt's networks. */
  readonly networks?: readonly string[] | undefined;
}

/** Makes the message about a host. */
export function makeHostInfo(
  host: Host,
  agentVersion: string,
  hardware: HardwareIdentity,
  { build, networks }: OptionalHostFacts = {},
): HostInfo {
  const { cpu, memory } = host;
  return create(HostInfoSchema, {
    hostname: host.hostname,
    product: host.product,
    productVersion: host.version,
    architecture: ARCHITECTURE,
    base: host.base,
    agentVersion,
    hardware,
    cpu: {
      model: cpu.model,
      sockets: toUint32(cpu.sockets),
      cores: toUint32(cpu.cores),
      threads: toUint32(cpu.threads),
      frequencyMhz: toUint32(cpu.frequency ?? 0),
      virtualization: cpu.virtualization,
      features: [...(build?.cpuFeatures ?? [])],
    },
    numaNodes: (build?.numaNodes ?? []).map(({ number, cpus, memory: bytes }) => ({
      number,
      cpus,
      memoryBytes: toUint64(bytes),
    })),
    pciDevices: (build?.pciDevices ?? []).map(
      ({ driver, iommuGroup, physicalFunction, ...device }) => ({
        ...device,
        driver: driver ?? '',
        ...(iommuGroup === null ? {} : { iommuGroup }),
        physicalFunction: physicalFunction ?? '',
      }),
    ),
    interfaces: (build?.links ?? []).map((link) => ({
      ...link,
      type: LINKS[link.type],
      addresses: [...link.addresses],
      ports: [...link.ports],
      mtu: toUint32(link.mtu),
    })),
    virtualNetworks: [...(networks ?? [])],
    memoryTotalBytes: toUint64(memory.total),
    memoryHugePagesBytes: toUint64(memory.hugePages),
    disks: host.disks.map((disk) => ({
      path: disk.path,
      model: disk.model ?? '',
      serial: disk.serial ?? '',
      sizeBytes: toUint64(disk.size),
      type: DISKS[disk.kind],
      readOnly: disk.readOnly,
    })),
    networkCards: host.nics.map((nic) => ({
      name: nic.name,
      mac: nic.mac,
      driver: nic.driver ?? '',
      speedMbps: toUint32(nic.speed ?? 0),
      mtu: toUint32(nic.mtu),
      type: CARDS[nic.kind],
    })),
  });
}

/** Makes the message about the load of a host. */
export function makeHostLoad(host: Host, runningVms: number): HostLoad {
  const [load1m, load5m, load15m] = host.load;
  return create(HostLoadSchema, {
    uptimeSeconds: toUint64(host.uptime),
    load1m,
    load5m,
    load15m,
    cpuUsage: host.cpuUsage,
    memoryTotalBytes: toUint64(host.memory.total),
    memoryAvailableBytes: toUint64(host.memory.available),
    runningVms: toUint32(runningVms),
  });
}

/** Makes the message about the problems of a host. @param certificateEnds milliseconds since 1970 */
export function makeHealthMessage(
  health: Health | undefined,
  certificateEnds: number,
  services: readonly ServiceFact[] = [],
): HostHealth {
  return create(HostHealthSchema, {
    services: services.map(({ name, problem }) => ({
      name,
      ready: problem === null,
      problem: problem ?? '',
    })),
    problems: health?.problems ?? [],
    persistent: health?.dataDisk.persistent ?? false,
    maintenance: health?.maintenance.on ?? false,
    certificateEndsAt: timestampFromMs(certificateEnds),
  });
}
