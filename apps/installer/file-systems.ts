import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LaidPartition } from '../../build/disk/layout.ts';
import { callProgram, withLoop } from '../disk/make-ext4.ts';
import { writeDurably } from '../files/durable-file.ts';
import type { ConfigurationFiles } from './configuration.ts';

/** Temporary mount point of a partition. */
const FOLDER = '/run/quantix/installer';

/**
 * Writes files into the ext4 file system of a partition, for root only. After a power failure, each file is complete or
 * absent.
 * @param path of the disk
 * @throws ExplainedError if it cannot be mounted; DiskError if it cannot be written
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
      await callProgram('mount', ['-t', 'ext4', '-o', 'nosuid,nodev', loop, folder], signal);
      try {
        for (const [file, content] of files) {
          const target = join(folder, file);
          await mkdir(dirname(target), { recursive: true, mode: 0o700 });
          await writeDurably(target, content, 0o600);
        }
        await chmod(folder, 0o755);
      } finally {
        await callProgram('umount', [folder], signal);
      }
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
