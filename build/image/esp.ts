import { copyFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { run } from '../process/run.ts';

const MIB = 1024 * 1024;

/** Sizes stay below 32 MiB: El Torito's 16-bit sector count cannot express more. */
const SPARE_BYTES = MIB;

/**
 * Makes a FAT image to be used as EFI system partition (UEFI 2.10, 13.3). The same files give the same bytes.
 * @param file where the image goes
 * @param files path on the partition → file on the host
 * @param epoch time stamp of all files in it, seconds since 1970
 */
export async function makeEsp(
  file: string,
  {
    files,
    epoch,
    signal,
  }: { files: Readonly<Record<string, string>>; epoch: number; signal?: AbortSignal | undefined },
): Promise<void> {
  const options = { env: { SOURCE_DATE_EPOCH: String(epoch) }, signal };
  await writeFile(file, '');
  await truncate(file, await imageSize(Object.values(files)));
  await run('mkfs.vfat', ['--invariant', '-n', 'QXESP', file], options);
  for (const directory of directoriesOf(Object.keys(files))) {
    await run('mmd', ['-i', file, `::${directory}`], options);
  }
  for (const [path, source] of Object.entries(files)) {
    const stamped = `${file}.stamped`;
    await copyFile(source, stamped);
    await utimes(stamped, epoch, epoch);
    await run('mcopy', ['-m', '-i', file, stamped, `::${path}`], options);
    await rm(stamped);
  }
}

async function imageSize(sources: string[]): Promise<number> {
  const sizes = await Promise.all(sources.map(async (source) => (await stat(source)).size));
  const needed = sizes.reduce((sum, size) => sum + size, 0) + SPARE_BYTES;
  return Math.ceil(needed / MIB) * MIB;
}

/** Every directory on the way to the files, parents first. */
function directoriesOf(paths: string[]): string[] {
  const found = new Set<string>();
  for (const path of paths) {
    for (let up = dirname(path); up !== '/'; up = dirname(up)) found.add(up);
  }
  return [...found].sort();
}
