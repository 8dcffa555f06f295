import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { GRAIN_BYTES, type SparseDisk, WrittenGrains } from '../../../build/image/sparse-disk.ts';
import { temporaryFolder } from '../folder.ts';

const MIB = 1024 * 1024;

/** A written range of a disk. */
export interface Write {
  offset: number;
  data: Buffer;
}

/** Size in bytes of a disk whose written ranges touch holes, borders of grains and the end of a table. */
export const DISK_BYTES = 768 * MIB;
export const WRITES: readonly Write[] = [
  { offset: 0, data: Buffer.from('first bytes') },
  // Across the border of a grain table, with a grain of zeros inside.
  {
    offset: 31 * MIB + 17,
    data: Buffer.concat([randomBytes(MIB), Buffer.alloc(2 * GRAIN_BYTES), randomBytes(MIB)]),
  },
  // Zeros only.
  { offset: 200 * MIB, data: Buffer.alloc(3 * GRAIN_BYTES) },
  { offset: 700 * MIB, data: Buffer.alloc(2 * MIB, 'text of an appliance ') },
  { offset: DISK_BYTES - 512, data: Buffer.alloc(512, 'end') },
];

/** Writes a disk as a sparse file. */
export async function sparseDisk(
  writes: readonly Write[] = WRITES,
  bytes: number = DISK_BYTES,
): Promise<SparseDisk> {
  const file = join(await temporaryFolder(), 'disk.raw');
  const grains = new WrittenGrains();
  await using handle = await open(file, 'wx');
  await handle.truncate(bytes);
  for (const { offset, data } of writes) {
    await handle.write(data, 0, data.length, offset);
    grains.add(offset, data.length);
  }
  return { file, bytes, grains: grains.list() };
}
