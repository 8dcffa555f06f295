import { open } from 'node:fs/promises';
import type { LaidPartition } from '../../build/disk/layout.ts';
import { ExplainedError, messageOf } from '../error.ts';
import { getErrorCode } from '../process/code-of.ts';
import { run } from '../process/run.ts';

/** Milliseconds that making or mounting a file system may take: a disk of many terabytes is slow. */
const PATIENCE = 15 * 60_000;

/** Block size of the file systems that are made here, in bytes: no sector is larger. */
const BLOCK = 4096;

/**
 * Makes an empty ext4 file system in a partition. It accesses the partition through the whole disk, so that the kernel
 * need not know the partition.
 * @param path the disk
 * @throws ExplainedError with the message of mkfs
 */
export async function makeExt4(
  path: string,
  { name, offset, bytes }: Pick<LaidPartition, 'name' | 'offset' | 'bytes'>,
  signal: AbortSignal,
): Promise<void> {
  await withLoop(path, offset, async (loop) => {
    const blocks = Math.floor(bytes / BLOCK);
    // Without this option, mkfs writes all inodes if the kernel has not loaded ext4 yet: 7 GB on a disk of 480 GB.
    const shape = ['-b', String(BLOCK), '-E', 'lazy_itable_init=1', '-L', name];
    await callProgram('mkfs.ext4', ['-q', '-F', ...shape, loop, String(blocks)], signal);
  });
}

/**
 * Sets up a loop device that begins at an offset of a disk, runs `work` with it, and flushes it to the medium.
 * @param path the disk
 * @param offset in bytes
 * @param work receives the path of the loop device
 */
export async function withLoop(
  path: string,
  offset: number,
  work: (loop: string) => Promise<void>,
): Promise<void> {
  // Cancelling the installation must not cancel the clean-up.
  const always = new AbortController().signal;
  const loop = await attach(path, offset, always);
  try {
    await work(loop);
    await flush(loop);
  } finally {
    await callProgram('losetup', ['-d', loop], always);
  }
}

/** Flushes a device, and the devices below it, to the medium. */
async function flush(path: string): Promise<void> {
  await using device = await open(path, 'r+');
  await device.sync().catch((cause: unknown) => {
    const what = `the disk gives errors: flushing failed with ${getErrorCode(cause) ?? messageOf(cause)}`;
    throw new ExplainedError({ what, where: path, fix: 'Replace it.', cause });
  });
}

/** Maximum number of attempts to get a loop device: another program may take the free one first. */
const ATTEMPTS = 10;

async function attach(path: string, offset: number, signal: AbortSignal): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const loop = await callProgram('losetup', ['-f'], signal);
    try {
      await callProgram('losetup', ['-o', String(offset), loop, path], signal);
      return loop;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

/** Runs a program that works on disks. @throws ExplainedError with its message */
export async function callProgram(name: string, args: readonly string[], signal: AbortSignal) {
  try {
    return await run(name, args, { timeout: PATIENCE, signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new ExplainedError({
      what: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}
