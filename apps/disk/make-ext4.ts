import type { LaidPartition } from '../../build/disk/layout.ts';
import { ExplainedError } from '../error.ts';
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
    const args = ['-q', '-F', '-b', String(BLOCK), '-L', name, loop, String(blocks)];
    await callProgram('mkfs.ext4', args, signal);
  });
}

/** Has what begins at an offset of a disk as a device of its own while work is done on it. */
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
    await callProgram('sync', [], always);
  } finally {
    await callProgram('losetup', ['-d', loop], always);
  }
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
