import type { Region } from '../../build/disk/block-device.ts';

/** How a disk is attached. */
export type Transport = 'nvme' | 'sata' | 'sas' | 'usb' | 'virtio' | 'mmc' | 'other';

/** A signature that was found on a disk. */
export interface Finding {
  /** What it identifies: `LVM`, `ZFS`. */
  name: string;
  /** Its offset on the disk, in bytes. */
  offset: number;
}

/** A present partition of a disk. */
export interface OldPartition extends Region {
  number: number;
  /** Its name in a GPT; empty if it has none. */
  name: string;
  /** Its unique GUID and its type, in lower case; empty in other kinds of tables. */
  guid: string;
  type: string;
}

/** The state of a disk at one moment. */
export interface DiskFacts {
  /** For example `/dev/sda`. */
  path: string;
  model: string | null;
  serial: string | null;
  /** World-wide name in the kernel's form: `naa.5000c500a1b2c3d4`. */
  wwn: string | null;
  bytes: number;
  /** Bytes of a logical sector. */
  sectorSize: number;
  transport: Transport;
  readOnly: boolean;
  /** True for the disk that this system was started from. */
  isMedium: boolean;
  /** Uses that the installer cannot end: `mounted at /data`. */
  uses: readonly string[];
  /** Devices on top of it that can be taken apart: `md127`, `dm-0`. */
  holders: readonly string[];
  /** Its present partitions, whatever the kind of partition table. */
  partitions: readonly OldPartition[];
  /** GUID of its GPT, in lower case; `null` without an intact one. */
  guid: string | null;
  /** Signatures found on it; empty for an empty disk. */
  contents: readonly Finding[];
}

/** The image to install. */
export interface ImageFacts {
  product: string;
  /** Name of the product for people: `Quantix-OS`. */
  title: string;
  labelPrefix: string;
  version: string;
  bytes: number;
}

/** The state of a machine. */
export interface MachineFacts {
  firmware: 'bios' | 'uefi';
  /** Whether machines of this architecture may have a BIOS: then the disk gets a boot loader for BIOS, too. */
  hasBios: boolean;
  image: ImageFacts;
  disks: readonly DiskFacts[];
  /** Why the configuration of the running system is not mounted; `null` if it is, or if there is none. */
  unmountedConfiguration: string | null;
}
