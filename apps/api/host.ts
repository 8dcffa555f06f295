import * as z from 'zod';

/** A disk, as the kernel describes it. */
export const diskSchema = z.object({
  /** For example `/dev/sda`. */
  path: z.string(),
  model: z.string().nullable(),
  serial: z.string().nullable(),
  /** In bytes. */
  size: z.number(),
  kind: z.enum(['hdd', 'ssd', 'nvme', 'virtual', 'removable']),
  readOnly: z.boolean(),
});

/** A network card: hardware, not a bridge or other virtual interface. */
export const nicSchema = z.object({
  name: z.string(),
  mac: z.string(),
  /** Kernel driver. */
  driver: z.string().nullable(),
  /** In Mbit/s; `null` without carrier or if the driver does not know it. */
  speed: z.number().nullable(),
  mtu: z.number(),
  kind: z.enum(['ethernet', 'wifi']),
});

/** A host's hardware and load: `GET /v1/host`. */
export const hostSchema = z.object({
  /** `NAME` and `VERSION_ID` of `/etc/os-release`. */
  product: z.string(),
  version: z.string(),
  /** `QUANTIX_BASE` of the same file: the base of the system; empty if it is missing. */
  base: z.string().default(''),
  hostname: z.string(),
  /** Seconds since the kernel started. */
  uptime: z.number(),
  /** Detected for each request, never cached. */
  managementAddress: z.string().nullable(),
  cpu: z.object({
    model: z.string(),
    sockets: z.number(),
    /** Total of all sockets. */
    cores: z.number(),
    threads: z.number(),
    /** In MHz. */
    frequency: z.number().nullable(),
    /** True if the processor can run virtual machines and `/dev/kvm` exists. */
    virtualization: z.boolean(),
  }),
  /** In bytes. */
  memory: z.object({ total: z.number(), available: z.number(), hugePages: z.number() }),
  /** Bytes of the memory that holds changes below `/`; `null` if the root is an ordinary file system. */
  changes: z.object({ total: z.number(), used: z.number() }).nullable(),
  /** Load averages over 1, 5 and 15 minutes. */
  load: z.tuple([z.number(), z.number(), z.number()]),
  /** Busy share of all processors' time since the last reading, 0 to 1. */
  cpuUsage: z.number(),
  disks: z.array(diskSchema),
  nics: z.array(nicSchema),
});

/** A PCI device that can be passed through to a guest. */
export interface PciDevice {
  /** For example `0000:3b:00.0`. */
  readonly address: string;
  /** Vendor and device, four hex digits each, such as `8086:1572`. */
  readonly id: string;
  /** Class and subclass, four hex digits. */
  readonly deviceClass: string;
  readonly driver: string | null;
  /** `null` without IOMMU. */
  readonly iommuGroup: number | null;
  readonly virtualFunctionsPossible: number;
  readonly virtualFunctions: number;
  /** Address of the physical function; `null` if the device is not a virtual function. */
  readonly physicalFunction: string | null;
}

/** A NUMA node. */
export interface NumaNode {
  readonly number: number;
  /** In the kernel's list format: `0-7,16-23`. */
  readonly cpus: string;
  /** In bytes. */
  readonly memory: number;
}

/** A network link that guests can be attached to, or that carries an address. */
export interface Link {
  readonly name: string;
  readonly type: 'card' | 'bridge' | 'bond' | 'vlan';
  readonly mac: string;
  /** For example `192.0.2.10/24`; IPv4 and IPv6, without link-local ones. */
  readonly addresses: readonly string[];
  /** Ports of a bridge or bond; the parent link of a VLAN. */
  readonly ports: readonly string[];
  /** 0 if it is not a VLAN. */
  readonly vlanId: number;
  readonly mtu: number;
  /** Whether it has a carrier. */
  readonly up: boolean;
}

/** Facts about a host that only a scheduler of guests needs; they are reported to the control plane. */
export interface Build {
  readonly cpuFeatures: readonly string[];
  readonly numaNodes: readonly NumaNode[];
  readonly pciDevices: readonly PciDevice[];
  readonly links: readonly Link[];
}

export type Disk = z.infer<typeof diskSchema>;
export type Nic = z.infer<typeof nicSchema>;
export type Host = z.infer<typeof hostSchema>;
