import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../unit/folder.ts';

/** Bytes of a disk for an installation: two slots, and some space for data. */
const SIZE = 12 * 1024 ** 3;

const MIB = 1024 ** 2;

/** Foreign content of a disk: bytes at positions. Programs look for the signatures of formats, a few bytes each. */
type Dirt = readonly (readonly [offset: number, bytes: Buffer])[];

/** Content that other systems leave, on the whole disk or in a partition that begins at 1 MiB and fills it. */
const DIRT = {
  /** An LVM physical volume over the whole disk, and the backup of an earlier GPT. */
  lvm: [
    [512, Buffer.from('LABELONE')],
    [SIZE - 512, Buffer.from('EFI PART')],
  ],
  /** A ZFS pool over the whole disk, and an earlier btrfs. */
  zfs: [
    [128 * 1024, Buffer.from('0cb1ba0000000000', 'hex')],
    [SIZE - 512 * 1024 + 128 * 1024, Buffer.from('0cb1ba0000000000', 'hex')],
    [64 * MIB + 64, Buffer.from('_BHRfS_M')],
  ],
  /** Signatures of LUKS, of an md array, of an Intel array, and of a VMware host. */
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
