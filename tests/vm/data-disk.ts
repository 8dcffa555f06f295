import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { temporaryFolder } from '../unit/folder.ts';

/** Bytes of a data disk; its file takes what is written only. */
const SIZE = 2 * 1024 ** 3;

/** A disk with an empty file system for data, whose label is the appliance's. */
export async function dataDisk(label: string): Promise<string> {
  const disk = join(await temporaryFolder(), 'data.img');
  await writeFile(disk, '');
  await truncate(disk, SIZE);
  const env = { PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  await execa('mkfs.ext4', ['-q', '-L', label, disk], { env });
  return disk;
}
