import type { Region } from '../../build/disk/block-device.ts';

/** How a disk is attached. */
export type Transport = 'nvme' | 'sata' | 'sas' | 'usb' | 'virtio' | 'mmc' | 'other';

/** A mark of a system that was found on a disk. */
export interface Finding {
  /** Who left it: `LVM`, `ZFS`. */
  name: string;
  /** Where, bytes from the beginning of the disk. */
  offset: number;
}

/** A partition that a disk has now. */
export interface OldPartition extends Region {
  number: number;
  /** Its name in a GPT; empty where it has none. */
  name: string;
  /** Its unique GUID and its type, lower case; empty in another kind of table. */
  guid: string;
  type: string;
}

/** What is known of a disk at a moment. */
export interface DiskFacts {
  /** `/dev/sda` */
  path: string;
  model: string | null;
  serial: string | null;
  /** World-wide name, as the kernel tells it: `naa.5000c500a1b2c3d4`. */
  wwn: string | null;
  bytes: number;
  /** Bytes of a logical sector. */
  sectorSize: number;
  transport: Transport;
  readOnly: boolean;
  /** True for the disk that this system was started from. */
  isMedium: boolean;
  /** What cannot be ended here: `mounted at /data`. */
  uses: readonly string[];
  /** Devices that are made of it and can be taken apart: `md127`, `dm-0`. */
  holders: readonly string[];
  /** Partitions that it has now, by whatever table. */
  partitions: readonly OldPartition[];
  /** GUID of its GPT, lower case; `null` without a whole one. */
  guid: string | null;
  /** What was found on it; empty for an empty disk. */
  contents: readonly Finding[];
}

/** What the installer installs. */
export interface ImageFacts {
  product: string;
  /** Name of the product for people: `Quantix-OS`. */
  title: string;
  labelPrefix: string;
  version: string;
  bytes: number;
}

/** What is known of a machine. */
export interface MachineFacts {
  firmware: 'bios' | 'uefi';
  /** Whether machines of this kind may have a BIOS: then the disk gets a boot loader for it, too. */
  hasBios: boolean;
  image: ImageFacts;
  disks: readonly DiskFacts[];
}
