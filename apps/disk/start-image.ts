import { randomUUID } from 'node:crypto';
import type { BlockDevice } from '../../build/disk/block-device.ts';
import { isDerivedGuid } from '../../build/disk/derived-guid.ts';
import { gptBytes } from '../../build/disk/gpt.ts';
import type { DiskLayout, LaidPartition } from '../../build/disk/layout.ts';
import { readLayout } from '../../build/disk/read-layout.ts';
import { writeGpt } from '../../build/disk/write-installed-disk.ts';
import { ExplainedError } from '../error.ts';

/** Where partitions may end. */
const ALIGNMENT = 1024 * 1024;

/**
 * Does what the first start of a disk image has to: its data partition gets what the disk has beyond the image, with the
 * last copy of the partition table at the disk's end; configuration and data get their file systems; disk and partitions
 * get identifiers that no other copy of the image has. The disk's own identifier is drawn last: until then the image
 * counts as never started, and all of it is done anew after a power cut.
 * @param makeFileSystem makes an empty one of a partition, whatever is there
 * @returns whether it was a disk image that was never started; nothing is done to another disk
 * @throws ExplainedError if it is none of ours, or cannot be written
 */
export async function startImage(
  device: BlockDevice,
  makeFileSystem: (partition: LaidPartition) => Promise<void>,
  newGuid: () => string = randomUUID,
): Promise<boolean> {
  const layout = await readLayout(device);
  if (layout === undefined) throw new ExplainedError({ what: 'this is no disk of an appliance' });
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

/** Data is the last partition. */
function bytesUpToEnd({ offset, bytes }: LaidPartition, disk: DiskLayout): number {
  const end = disk.bytes - gptBytes(disk.sectorSize).end;
  return Math.max(bytes, Math.floor(end / ALIGNMENT) * ALIGNMENT - offset);
}
