import { open } from 'node:fs/promises';
import type { LaidPartition } from '../../build/disk/layout.ts';
import { ExplainedError, messageOf } from '../error.ts';
import { codeOf } from '../process/code-of.ts';
import { run } from '../process/run.ts';

/** Milliseconds in which a file system is made or mounted; that of a disk of many terabytes takes its time. */
const PATIENCE = 15 * 60_000;

/** Bytes of a block of the file systems that are made here: no sector is larger. */
const BLOCK = 4096;

/**
 * Makes an empty ext4 of a partition. It is reached through the disk, which nobody else can claim meanwhile: the kernel
 * need not know of the partition.
 * @param path the disk
 * @throws ExplainedError with the words of mkfs
 */
export async function makeExt4(
  path: string,
  { name, offset, bytes }: Pick<LaidPartition, 'name' | 'offset' | 'bytes'>,
  signal: AbortSignal,
): Promise<void> {
  await withLoop(path, offset, async (loop) => {
    const blocks = Math.floor(bytes / BLOCK);
    // Without being told, mkfs writes all inodes where the kernel has not loaded ext4 yet: 7 GB on a disk of 480.
    const shape = ['-b', String(BLOCK), '-E', 'lazy_itable_init=1', '-L', name];
    await callProgram('mkfs.ext4', ['-q', '-F', ...shape, loop, String(blocks)], signal);
  });
}

/** Has what begins at an offset of a disk as a device of its own while work is done on it, which is on the medium then. */
export async function withLoop(
  path: string,
  offset: number,
  work: (loop: string) => Promise<void>,
): Promise<void> {
  // Cleaning up is not given up when the installation is.
  const always = new AbortController().signal;
  const loop = await attach(path, offset, always);
  try {
    await work(loop);
    await flush(loop);
  } finally {
    await callProgram('losetup', ['-d', loop], always);
  }
}

/** Returns when all that was written to a device, and through it to what it is made of, is on the medium. */
async function flush(path: string): Promise<void> {
  await using device = await open(path, 'r+');
  await device.sync().catch((cause: unknown) => {
    const what = `the disk gives errors: flushing failed with ${codeOf(cause) ?? messageOf(cause)}`;
    throw new ExplainedError({ what, where: path, fix: 'Replace it.', cause });
  });
}

/** Times that a loop device is looked for: between looking and taking it another program may take it. */
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

/** Calls a program that works on disks. @throws ExplainedError with its words */
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
