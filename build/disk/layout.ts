import { ExplainedError } from '../explained-error.ts';

/** A place for one image. */
export type Slot = 'a' | 'b';

/** Partitions of an installed disk and their numbers in its GPT, which its `grub.cfg` names them by. */
export const PARTITION_NUMBERS = {
  bios: 1,
  efi: 2,
  a: 3,
  b: 4,
  configuration: 5,
  data: 6,
} as const;

/** What a partition of an installed disk is for. */
export type PartitionRole = keyof typeof PARTITION_NUMBERS;

/** A partition of an installed disk. */
export interface LaidPartition {
  role: PartitionRole;
  /** Its number in the GPT. */
  number: number;
  /** Its name in the GPT, which is the label of its file system, too: `QUANTIX-CFG`. */
  name: string;
  /** Its type, a GUID in lower case (UEFI 2.10, 5.3.3). */
  type: string;
  /** Its unique GUID, in lower case; the kernel's PARTUUID. */
  guid: string;
  /** Where it begins, bytes. */
  offset: number;
  bytes: number;
}

/** What an installed disk is divided into. */
export interface DiskLayout {
  /** Bytes of a logical sector of the disk. */
  sectorSize: number;
  /** Size of the disk, bytes. */
  bytes: number;
  /** GUID of the disk, in lower case. */
  guid: string;
  /** In the order of their numbers. The BIOS partition and data may be absent. */
  partitions: readonly LaidPartition[];
}

/** Ends of the partitions' names, after the product's prefix. */
export const PARTITION_NAMES: Readonly<Record<PartitionRole, string>> = {
  bios: 'BIOS',
  efi: 'EFI',
  a: 'A',
  b: 'B',
  configuration: 'CFG',
  data: 'DATA',
};

/** The partition of a role. @throws ExplainedError if there is none */
export function partitionOf(layout: DiskLayout, role: PartitionRole): LaidPartition {
  const found = layout.partitions.find((partition) => partition.role === role);
  if (found !== undefined) return found;
  throw new ExplainedError({ what: `the disk has no partition for ${PARTITION_NAMES[role]}` });
}
