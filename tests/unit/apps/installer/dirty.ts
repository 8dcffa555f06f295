import { SIGNATURES } from '../../../../apps/installer/signatures.ts';
import type { Region } from '../../../../build/disk/block-device.ts';
import type { MemoryDisk } from './memory-disk.ts';

/** Writes all signatures of a file system or partition table into a region. @returns their number */
export function writeSignatures(disk: MemoryDisk, name: string, { offset, bytes }: Region): number {
  let count = 0;
  for (const { marks, places } of SIGNATURES.filter((one) => one.name === name)) {
    for (const [index, place] of places({ bytes, sectorSize: disk.sectorSize }).entries()) {
      const mark = marks[index % marks.length];
      if (mark === undefined || place < 0 || place + mark.length > bytes) continue;
      disk.put(offset + place, mark);
      count += 1;
    }
  }
  return count;
}

/** Names of all known file systems and partition tables. */
export const SYSTEMS = [...new Set(SIGNATURES.map(({ name }) => name))];
