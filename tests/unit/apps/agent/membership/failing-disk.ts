import promises, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { onTestFinished } from 'vitest';

const { open, rename, rm, mkdir } = promises;

/** A simulated disk for all writes of this process. */
export interface FailingDisk {
  /** Number of attempted steps. */
  steps: number;
  /** Makes all further steps succeed. */
  recover(): void;
}

/**
 * Makes every step of writing fail after a number of successful ones, as if the power were cut or the disk were full.
 * Steps are: creating a file, writing and syncing it, renaming, removing, and creating a folder.
 */
export function failAfter(steps: number, code = 'EROFS'): FailingDisk {
  const step = () => {
    disk.steps += 1;
    if (disk.steps > steps) throw Object.assign(new Error(`${code}: no`), { code });
  };
  const through =
    <Arguments extends unknown[], Result>(work: (...args: Arguments) => Promise<Result>) =>
    async (...args: Arguments): Promise<Result> => {
      step();
      return await work(...args);
    };
  const disk: FailingDisk = {
    steps: 0,
    recover: () => {
      Object.assign(promises, { open, rename, rm, mkdir });
      syncBuiltinESMExports();
    },
  };
  Object.assign(promises, {
    rename: through(rename),
    rm: through(rm),
    mkdir: through(mkdir),
    open: async (path: string, flags?: string, mode?: number): Promise<FileHandle> => {
      if (flags === 'r' || flags === undefined) return open(path, flags, mode);
      step();
      const handle = await open(path, flags, mode);
      const [write, sync] = [handle.writeFile.bind(handle), handle.sync.bind(handle)];
      return Object.assign(handle, { writeFile: through(write), sync: through(sync) });
    },
  });
  syncBuiltinESMExports();
  onTestFinished(disk.recover);
  return disk;
}
