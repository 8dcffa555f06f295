import { randomUUID } from 'node:crypto';
import type { BlockDevice } from '../../build/disk/block-device.ts';
import { isDerivedGuid } from '../../build/disk/derived-guid.ts';
import { computeGptSize } from '../../build/disk/gpt.ts';
import type { DiskLayout, LaidPartition } from '../../build/disk/layout.ts';
import { readLayout } from '../../build/disk/read-layout.ts';
import { writeGpt } from '../../build/disk/write-installed-disk.ts';
import { ExplainedError } from '../error.ts';

/** Bytes to which the end of a partition is aligned. */
const ALIGNMENT = 1024 * 1024;

/**
 * Performs the first start of a disk image: extends the data partition to the end of the disk, with the backup
 * partition table at the disk's end, makes file systems for configuration and data, and gives disk and partitions
 * unique identifiers. The disk's own identifier is written last: until then the image counts as never started, and
 * everything is repeated after a power failure.
 * @param makeFileSystem makes an empty file system in a partition, whatever it contains
 * @returns whether it was a disk image that had never been started; any other disk is left unchanged
 * @throws ExplainedError if it is not a disk of an appliance, or cannot be written
 */
export async function startImage(
  device: BlockDevice,
  makeFileSystem: (partition: LaidPartition) => Promise<void>,
  newGuid: () => string = randomUUID,
): Promise<boolean> {
  const layout = await readLayout(device);
  if (layout === undefined)
    throw new ExplainedError({ what: 'this is not the disk of an appliance' });
  if (!isDerivedGuid(layout.guid)) return false;
  const partitions = layout.partitions.map((partition) => ({
    ...partition,
    guid: newGuid(),
    bytes: partition.role === 'data' ? bytesUpToEnd(partition, layout) : partition.bytes,
  }));
  await writeGpt(device, { ...layout, partitions });
  for (const partition of partitions) {
    if (partition.role === 'configuration' || partition.role === 'data') {
      await makeFileSystem(partition);
    }
  }
  await device.flush();
  await writeGpt(device, { ...layout, guid: newGuid(), partitions });
  return true;
}

/** Returns the size in bytes of the data partition, the last one, after it is extended to the end of the disk. */
function bytesUpToEnd({ offset, bytes }: LaidPartition, disk: DiskLayout): number {
  const end = disk.bytes - computeGptSize(disk.sectorSize).end;
  return Math.max(bytes, Math.floor(end / ALIGNMENT) * ALIGNMENT - offset);
}
