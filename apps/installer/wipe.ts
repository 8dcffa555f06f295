import type { BlockDevice, Region } from '../../build/disk/block-device.ts';
import { readAhead, splitRegion, WritesBehind } from '../../build/disk/overlap.ts';
import { allocatePages } from '../../build/disk/page-memory.ts';
import { InstallError } from './error.ts';
import { findSignatures, wipeRegions } from './signatures.ts';

/** Bytes per write or read. */
const PIECE = 1024 * 1024;

/**
 * Overwrites with zeros everything by which a system recognises the former content of a disk, and reads the zeros back.
 * The first sector, from which a BIOS boots, is overwritten first, then the rest of the disk's beginning; everything
 * else follows once these are on the disk. A power failure in between therefore leaves nothing that boots only in part.
 * @param regions partitions that the disk had and will have
 * @throws InstallError if a signature remains, or a sector keeps its content; ExplainedError of the disk
 */
export async function wipeDisk(
  device: BlockDevice,
  regions: readonly Region[],
  signal: AbortSignal,
): Promise<void> {
  const [beginning, ...rest] = wipeRegions(device, regions);
  await overwriteWithZeros(device, [{ offset: 0, bytes: device.sectorSize }], signal);
  if (beginning !== undefined) await overwriteWithZeros(device, [beginning], signal);
  await overwriteWithZeros(device, rest, signal);
  const [left] = await findSignatures(device, regions);
  if (left !== undefined) {
    throw new InstallError({
      what: `the disk still has a mark of ${left.name} at byte ${left.offset} after it was wiped`,
      fix: 'Something else writes to it, or it is failing: take it out of that, or use another one.',
    });
  }
}

/**
 * Overwrites regions of a disk with zeros, and reads them back.
 * @throws InstallError if a sector keeps its content; ExplainedError of the disk
 */
export async function overwriteWithZeros(
  device: BlockDevice,
  regions: readonly Region[],
  signal: AbortSignal,
): Promise<void> {
  const [zeros = Buffer.alloc(0)] = allocatePages(1, PIECE);
  const places = regions.flatMap((region) => splitRegion(region, PIECE));
  await using writes = new WritesBehind();
  for (const { offset, bytes } of places) {
    signal.throwIfAborted();
    await writes.add(device.write(offset, zeros.subarray(0, bytes)));
  }
  await writes.done();
  await device.flush();
  const read = (offset: number, into: Buffer) => device.read(offset, into.length, into);
  for await (const { offset, content } of readAhead(read, places, signal)) {
    if (content.equals(zeros.subarray(0, content.length))) continue;
    throw new InstallError({
      what: `the disk does not keep what is written to it, near byte ${offset}`,
      fix: 'It is failing, or is smaller than it says: use another one.',
    });
  }
}
