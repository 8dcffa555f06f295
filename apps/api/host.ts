import * as z from 'zod';

/** A disk, as the kernel knows it. */
export const diskSchema = z.object({
  /** `/dev/sda`. */
  path: z.string(),
  model: z.string().nullable(),
  serial: z.string().nullable(),
  /** Bytes. */
  size: z.number(),
  kind: z.enum(['hdd', 'ssd', 'nvme', 'virtual', 'removable']),
  readOnly: z.boolean(),
});

/** A network card: hardware, not bridges and the like. */
export const nicSchema = z.object({
  name: z.string(),
  mac: z.string(),
  /** Kernel driver. */
  driver: z.string().nullable(),
  /** Mbit/s; `null` without carrier or where the driver does not know. */
  speed: z.number().nullable(),
  mtu: z.number(),
  kind: z.enum(['ethernet', 'wifi']),
});

/** What a host is made of, and how it fares: `GET /v1/host`. */
export const hostSchema = z.object({
  /** `NAME` and `VERSION_ID` of `/etc/os-release`. */
  product: z.string(),
  version: z.string(),
  /** `QUANTIX_BASE` of it: what the system is made from; empty where it does not tell. */
  base: z.string().default(''),
  hostname: z.string(),
  /** Seconds since the kernel started. */
  uptime: z.number(),
  /** Detected when asked, never remembered. */
  managementAddress: z.string().nullable(),
  cpu: z.object({
    model: z.string(),
    sockets: z.number(),
    /** Of all sockets. */
    cores: z.number(),
    threads: z.number(),
    /** MHz. */
    frequency: z.number().nullable(),
    /** True if the processor can run virtual machines and `/dev/kvm` is there. */
    virtualization: z.boolean(),
  }),
  /** Bytes. */
  memory: z.object({ total: z.number(), available: z.number(), hugePages: z.number() }),
  /** Bytes for what is written below `/`, which lies in memory; `null` where the root is an ordinary file system. */
  changes: z.object({ total: z.number(), used: z.number() }).nullable(),
  /** Runnable processes, averages of 1, 5 and 15 minutes. */
  load: z.tuple([z.number(), z.number(), z.number()]),
  /** Share of all processors' time since the last look, 0 to 1. */
  cpuUsage: z.number(),
  disks: z.array(diskSchema),
  nics: z.array(nicSchema),
});

/** A PCI device that a guest could be given. */
export interface PciDevice {
  /** `0000:3b:00.0`. */
  readonly address: string;
  /** Vendor and device, four hex digits each: `8086:1572`. */
  readonly id: string;
  /** Class and subclass, four hex digits. */
  readonly deviceClass: string;
  readonly driver: string | null;
  /** `null` without IOMMU. */
  readonly iommuGroup: number | null;
  readonly virtualFunctionsPossible: number;
  readonly virtualFunctions: number;
  /** Address of the device whose virtual function it is. */
  readonly physicalFunction: string | null;
}

/** Processors and memory that are near each other. */
export interface NumaNode {
  readonly number: number;
  /** As a list of the kernel: `0-7,16-23`. */
  readonly cpus: string;
  /** Bytes. */
  readonly memory: number;
}

/** What a guest's card can be attached to, or carries an address. */
export interface Link {
  readonly name: string;
  readonly type: 'card' | 'bridge' | 'bond' | 'vlan';
  readonly mac: string;
  /** `192.0.2.10/24`, IPv4 and IPv6, without link-local ones. */
  readonly addresses: readonly string[];
  /** Of a bridge or bond; of a VLAN what is below it. */
  readonly ports: readonly string[];
  /** 0 for what is no VLAN. */
  readonly vlanId: number;
  readonly mtu: number;
  /** Whether it has a carrier. */
  readonly up: boolean;
}

/** What only a scheduler of guests needs to know of a host: it is told to the control plane. */
export interface Build {
  readonly cpuFeatures: readonly string[];
  readonly numaNodes: readonly NumaNode[];
  readonly pciDevices: readonly PciDevice[];
  readonly links: readonly Link[];
}

export type Disk = z.infer<typeof diskSchema>;
export type Nic = z.infer<typeof nicSchema>;
export type Host = z.infer<typeof hostSchema>;
