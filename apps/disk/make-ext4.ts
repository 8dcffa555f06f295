import type { LaidPartition } from '../../build/disk/layout.ts';
import { run } from '../process/run.ts';

/** Milliseconds in which a file system is made; that of a disk of many terabytes takes its time. */
const PATIENCE = 15 * 60_000;

/** Bytes of a block: no sector is larger. */
const BLOCK = 4096;

/**
 * Makes an empty ext4 of a partition. It is reached through the disk: the kernel need not know of the partition yet.
 * @param path the disk
 * @throws CommandError with the words of mkfs
 */
export async function makeExt4(
  path: string,
  { name, offset, bytes }: Pick<LaidPartition, 'name' | 'offset' | 'bytes'>,
): Promise<void> {
  const loop = await run('losetup', ['-f'], { timeout: PATIENCE });
  await run('losetup', ['-o', String(offset), loop, path], { timeout: PATIENCE });
  try {
    const blocks = String(Math.floor(bytes / BLOCK));
    const args = ['-q', '-F', '-b', String(BLOCK), '-L', name, loop, blocks];
    await run('mkfs.ext4', args, { timeout: PATIENCE });
    await run('sync', [], { timeout: PATIENCE });
  } finally {
    await run('losetup', ['-d', loop], { timeout: PATIENCE });
  }
}
