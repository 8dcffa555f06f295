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

export type Disk = z.infer<typeof diskSchema>;
export type Nic = z.infer<typeof nicSchema>;
export type Host = z.infer<typeof hostSchema>;
