import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LaidPartition } from '../../build/disk/layout.ts';
import { writeDurably } from '../files/durable-file.ts';
import { run } from '../process/run.ts';
import type { ConfigurationFiles } from './configuration.ts';
import { InstallError } from './error.ts';

/** Milliseconds in which a file system is made or mounted; that of a disk of many terabytes takes its time. */
const PATIENCE = 15 * 60_000;

/** Bytes of a block of the file systems that are made here. */
const BLOCK = 4096;

/** Where a disk's partition is mounted for a moment. */
const FOLDER = '/run/quantix/installer';

/**
 * Makes an empty ext4 of a partition. It is reached through the disk, which nobody else can claim meanwhile: the kernel
 * need not know of the partition.
 * @param path the disk
 * @throws InstallError with the words of mkfs
 */
export async function makeExt4(
  path: string,
  { name, offset, bytes }: LaidPartition,
  signal: AbortSignal,
): Promise<void> {
  await withLoop(path, offset, async (loop) => {
    const blocks = Math.floor(bytes / BLOCK);
    const args = ['-q', '-F', '-b', String(BLOCK), '-L', name, loop, String(blocks)];
    await program('mkfs.ext4', args, signal);
  });
}

/**
 * Writes files into the ext4 of a partition, each whole or not at all after a power cut, for root alone.
 * @param path the disk
 * @throws InstallError if it cannot be mounted; DiskError if it cannot be written
 */
export async function putFiles(
  path: string,
  { offset, name }: LaidPartition,
  files: ConfigurationFiles,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(FOLDER, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(FOLDER, `${name}.`));
  try {
    await withLoop(path, offset, async (loop) => {
      await program('mount', ['-t', 'ext4', '-o', 'nosuid,nodev', loop, folder], signal);
      try {
        for (const [file, content] of files) {
          const target = join(folder, file);
          await mkdir(dirname(target), { recursive: true, mode: 0o700 });
          await writeDurably(target, content, 0o600);
        }
        await chmod(folder, 0o755);
      } finally {
        await program('umount', [folder], signal);
      }
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Has what begins at an offset of a disk as a device of its own while work is done on it. */
async function withLoop(
  path: string,
  offset: number,
  work: (loop: string) => Promise<void>,
): Promise<void> {
  // Cleaning up is not given up when the installation is.
  const always = new AbortController().signal;
  const loop = await attach(path, offset, always);
  try {
    await work(loop);
    await program('sync', [], always);
  } finally {
    await program('losetup', ['-d', loop], always);
  }
}

/** Times that a loop device is looked for: between looking and taking it another program may take it. */
const ATTEMPTS = 10;

async function attach(path: string, offset: number, signal: AbortSignal): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const loop = await program('losetup', ['-f'], signal);
    try {
      await program('losetup', ['-o', String(offset), loop, path], signal);
      return loop;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

async function program(name: string, args: readonly string[], signal: AbortSignal) {
  try {
    return await run(name, args, { timeout: PATIENCE, signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new InstallError({ what: cause instanceof Error ? cause.message : String(cause), cause });
  }
}
