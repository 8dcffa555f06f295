import type { BlockDevice } from './block-device.ts';
import { type Gpt, readGpt } from './gpt.ts';
import {
  type DiskLayout,
  type LaidPartition,
  PARTITION_NAMES,
  PARTITION_NUMBERS,
  type PartitionRole,
} from './layout.ts';

const ROLES = Object.keys(PARTITION_NUMBERS) as readonly PartitionRole[];

/**
 * Reads the layout of a disk on which a product of this builder is installed.
 * @returns undefined if it has no partition table, or the table of another system
 * @throws ExplainedError if it cannot be read
 */
export async function readLayout(device: BlockDevice): Promise<DiskLayout | undefined> {
  const gpt = await readGpt(device);
  return gpt === undefined ? undefined : recognizeLayout(gpt, device);
}

/** Returns the layout in a partition table; undefined if it is not that of an installed disk. */
export function recognizeLayout(
  gpt: Gpt,
  { sectorSize, bytes }: BlockDevice,
): DiskLayout | undefined {
  const partitions: LaidPartition[] = [];
  for (const role of ROLES) {
    const number = PARTITION_NUMBERS[role];
    const partition = gpt.partitions.find((one) => one.number === number);
    if (partition?.name.endsWith(`-${PARTITION_NAMES[role]}`) === true)
      partitions.push({ ...partition, role });
  }
  const needed: readonly PartitionRole[] = ['efi', 'a', 'b', 'configuration'];
  const whole = needed.every((role) => partitions.some((partition) => partition.role === role));
  const prefixes = new Set(
    partitions.map(({ name, role }) => name.slice(0, -PARTITION_NAMES[role].length - 1)),
  );
  if (!whole || prefixes.size !== 1) return undefined;
  return { sectorSize, bytes, guid: gpt.guid, partitions };
}
