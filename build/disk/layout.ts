import { ExplainedError } from '../explained-error.ts';

/** A partition for one image. */
export type Slot = 'a' | 'b';

/** Partitions of an installed disk and their numbers in its GPT, by which its `grub.cfg` refers to them. */
export const PARTITION_NUMBERS = {
  bios: 1,
  efi: 2,
  a: 3,
  b: 4,
  configuration: 5,
  data: 6,
} as const;

/** Purpose of a partition of an installed disk. */
export type PartitionRole = keyof typeof PARTITION_NUMBERS;

/** A partition of an installed disk. */
export interface LaidPartition {
  role: PartitionRole;
  /** Its number in the GPT. */
  number: number;
  /** Its name in the GPT, which is also the label of its file system: `HELLO-CFG`. */
  name: string;
  /** Its type, a GUID in lower case (UEFI 2.10, 5.3.3). */
  type: string;
  /** Its unique GUID, in lower case; the kernel's PARTUUID. */
  guid: string;
  /** Offset in bytes. */
  offset: number;
  bytes: number;
}

/** The partitions of an installed disk. */
export interface DiskLayout {
  /** Logical sector size of the disk in bytes. */
  sectorSize: number;
  /** Size of the disk in bytes. */
  bytes: number;
  /** GUID of the disk, in lower case. */
  guid: string;
  /** Sorted by number. There may be no BIOS partition and no data partition. */
  partitions: readonly LaidPartition[];
}

/** Suffixes of the partitions' names, after the product's prefix. */
export const PARTITION_NAMES: Readonly<Record<PartitionRole, string>> = {
  bios: 'BIOS',
  efi: 'EFI',
  a: 'A',
  b: 'B',
  configuration: 'CFG',
  data: 'DATA',
};

/** Returns the partition of a role. @throws ExplainedError if there is none */
export function findPartition(layout: DiskLayout, role: PartitionRole): LaidPartition {
  const found = layout.partitions.find((partition) => partition.role === role);
  if (found !== undefined) return found;
  throw new ExplainedError({ what: `the disk has no partition for ${PARTITION_NAMES[role]}` });
}
