import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../unit/folder.ts';

/** Bytes of a disk that is installed on: two slots, and something for data. */
const SIZE = 12 * 1024 ** 3;

const MIB = 1024 ** 2;

/** Foreign content of a disk: bytes at positions. Programs look for the signatures of formats, a few bytes each. */
type Dirt = readonly (readonly [offset: number, bytes: Buffer])[];

/** What other systems leave. Places are those of a partition at 1 MiB that fills the disk, or of the whole disk. */
const DIRT = {
  /** A volume of LVM over the whole disk, with a previous GPT of which only the backup is left. */
  lvm: [
    [512, Buffer.from('LABELONE')],
    [SIZE - 512, Buffer.from('EFI PART')],
  ],
  /** A pool of ZFS over the whole disk, and btrfs before it. */
  zfs: [
    [128 * 1024, Buffer.from('0cb1ba0000000000', 'hex')],
    [SIZE - 512 * 1024 + 128 * 1024, Buffer.from('0cb1ba0000000000', 'hex')],
    [64 * MIB + 64, Buffer.from('_BHRfS_M')],
  ],
  /** Encrypted, within an array of md, within one of Intel's, and a VMware host's. */
  raid: [
    [0, Buffer.from('4c554b53babe0002', 'hex')],
    [4096, Buffer.from('fc4e2ba901000000', 'hex')],
    [MIB, Buffer.from('0dd001c0', 'hex')],
    [SIZE - 1024, Buffer.from('Intel Raid ISM Cfg Sig. 1.3.00')],
  ],
} satisfies Record<string, Dirt>;

/** A disk that another system has used. @returns its file, which is sparse */
export async function dirtyDisk(name: keyof typeof DIRT): Promise<string> {
  const file = join(await temporaryFolder(), `${name}.img`);
  await writeFile(file, '');
  await using disk = await open(file, 'r+');
  await disk.truncate(SIZE);
  for (const [offset, bytes] of DIRT[name]) await disk.write(bytes, 0, bytes.length, offset);
  return file;
}
