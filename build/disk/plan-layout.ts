import { ExplainedError } from '../explained-error.ts';
import { computeGptSize } from './gpt.ts';
import {
  type DiskLayout,
  type LaidPartition,
  PARTITION_NAMES,
  PARTITION_NUMBERS,
  type PartitionRole,
} from './layout.ts';
import { TRAILER_BYTES } from './slot-trailer.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
/** Alignment of partitions. */
const ALIGNMENT = MIB;
const BIOS_BYTES = MIB;
/** FAT32 needs 65,525 clusters, whose smallest size on disks with 4 KiB sectors is 4 KiB. */
const EFI_BYTES = 300 * MIB;
const CONFIGURATION_BYTES = 256 * MIB;
/** A slot has four times the size of the image, and at least 4 GiB, so that larger images of later releases fit. */
const [LEAST_SLOT_BYTES, SLOT_IMAGES] = [4 * GIB, 4];
const LEAST_DATA_BYTES = 64 * MIB;

const TYPES = {
  bios: '21686148-6449-6e6f-744e-656564454649',
  efi: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
  linux: '0fc63daf-8483-4772-8e79-3d69d8477de4',
} as const;

/** Input of `planLayout`. */
export interface LayoutRequest {
  /** Size of the disk in bytes. */
  bytes: number;
  sectorSize: number;
  /** Prefix of partition names: `HELLO`. */
  labelPrefix: string;
  /** Size of the image in bytes. */
  imageBytes: number;
  /** The data partition: its size in bytes, `rest` for the rest of the disk, or `none` for no data partition. */
  data: 'rest' | 'none' | number;
  /** Whether the disk gets a partition with GRUB for BIOS; ignored for disks with 4096-byte sectors, which get none. */
  bios: boolean;
  /** Size of each slot in bytes; derived from the image's size if absent. */
  slotBytes?: number | undefined;
  /** @returns a new GUID in lower case */
  newGuid(): string;
}

/**
 * Plans the partitions of a disk.
 * @throws ExplainedError if it is too small, saying by how much, or has an unsupported sector size
 */
export function planLayout(request: LayoutRequest): DiskLayout {
  const { bytes, sectorSize, labelPrefix, imageBytes, data, newGuid } = request;
  if (sectorSize !== 512 && sectorSize !== 4096) {
    throw new ExplainedError({
      what: `the disk has sectors of ${sectorSize} bytes`,
      fix: 'Take one whose logical sectors have 512 or 4096 bytes.',
    });
  }
  const slot = up(
    request.slotBytes ?? Math.max(LEAST_SLOT_BYTES, SLOT_IMAGES * imageBytes + TRAILER_BYTES),
  );
  if (imageBytes + TRAILER_BYTES > slot) {
    throw new ExplainedError({ what: `an image of ${imageBytes} bytes needs larger slots` });
  }
  const guid = newGuid();
  const partitions: LaidPartition[] = [];
  let at = up(computeGptSize(sectorSize).begin);
  const end = down(bytes - computeGptSize(sectorSize).end);
  const add = (role: PartitionRole, size: number) => {
    partitions.push({
      role,
      number: PARTITION_NUMBERS[role],
      name: `${labelPrefix}-${PARTITION_NAMES[role]}`,
      type: role === 'bios' || role === 'efi' ? TYPES[role] : TYPES.linux,
      guid: newGuid(),
      offset: at,
      bytes: size,
    });
    at += size;
  };
  if (request.bios && sectorSize === 512) add('bios', BIOS_BYTES);
  add('efi', EFI_BYTES);
  add('a', slot);
  add('b', slot);
  add('configuration', CONFIGURATION_BYTES);
  const asked = data === 'none' ? 0 : data === 'rest' ? LEAST_DATA_BYTES : up(data);
  if (at + asked > end) throw tooSmall(bytes, at + asked - end);
  if (data !== 'none') add('data', data === 'rest' ? end - at : asked);
  return { sectorSize, bytes, guid, partitions };
}

function tooSmall(bytes: number, lacking: number): ExplainedError {
  const mib = (value: number) => `${Math.ceil(value / MIB).toLocaleString('en')} MiB`;
  return new ExplainedError({
    what: `the disk has ${mib(bytes)}, and ${mib(lacking)} more are needed`,
    fix: 'Take a larger disk, or ask for less data.',
  });
}

function up(value: number): number {
  return Math.ceil(value / ALIGNMENT) * ALIGNMENT;
}

function down(value: number): number {
  return Math.floor(value / ALIGNMENT) * ALIGNMENT;
}
