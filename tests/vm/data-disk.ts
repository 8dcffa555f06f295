import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

/** Size of a data disk in bytes; its file is sparse. */
const SIZE = 2 * 1024 ** 3;

/**
 * A disk in a folder, with a file system for data, whose label is the appliance's.
 * @param content a folder whose content is copied to it; it is empty if absent
 */
export async function dataDisk(folder: string, label: string, content?: string): Promise<string> {
  const disk = join(folder, 'data.img');
  await writeFile(disk, '');
  await truncate(disk, SIZE);
  const env = { PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  const filled = content === undefined ? [] : ['-d', content];
  await execa('mkfs.ext4', ['-q', '-L', label, ...filled, disk], { env });
  return disk;
}
