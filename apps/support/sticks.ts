import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { readDisks } from '../host/disks.ts';
import { readMounts } from '../host/mounts.ts';
import { readNames, readNumber } from '../host/read.ts';

/** An unused file system on a removable disk. */
export interface Stick {
  /** Such as `/dev/sdb1`. */
  path: string;
  type: StickFileSystem['type'];
  label: string | null;
  /** Size in bytes. */
  size: number;
  /** Model of its disk. */
  model: string | null;
}

export interface StickFileSystem {
  type: 'vfat' | 'ext4';
  label: string | null;
}

/** Bytes at the start of a device that contain the signature and label of both types. */
const HEAD = 4096;
const SECTOR = 512;

/**
 * Finds the unused FAT and ext4 file systems on removable disks that are not read-only.
 * @param root folder that contains sys, proc and dev
 */
export async function readSticks(root = '/'): Promise<Stick[]> {
  const [disks, mounts] = await Promise.all([readDisks(root), readMounts(root)]);
  const used = new Set(mounts.map(({ source }) => source));
  const sticks: Stick[] = [];
  for (const disk of disks.filter(({ kind, readOnly }) => kind === 'removable' && !readOnly)) {
    const name = disk.path.slice('/dev/'.length);
    const folder = join(root, 'sys/block', name);
    const partitions = (await readNames(folder)).filter((one) => one.startsWith(name));
    for (const one of partitions.length === 0 ? [name] : partitions) {
      const place = one === name ? folder : join(folder, one);
      const path = `/dev/${one}`;
      const holders = await readNames(join(place, 'holders'));
      if (used.has(path) || holders.length > 0) continue;
      const found = parseStick(await readHead(join(root, path)));
      if (found === null) continue;
      const size = ((await readNumber(join(place, 'size'))) ?? 0) * SECTOR;
      sticks.push({ path, ...found, size, model: disk.model });
    }
  }
  return sticks;
}

/**
 * Identifies a file system by its first bytes: FAT by the name of its type and its label (Microsoft's specification of
 * FAT, 3.1 to 3.3), ext4 by its magic number and the label in its superblock (fs/ext4/ext4.h). Returns `null` if it is
 * neither.
 */
export function parseStick(head: Buffer): StickFileSystem | null {
  if (head.length < HEAD) return null;
  if (head.readUInt16LE(510) === 0xaa55) {
    const wide = head.subarray(82, 87).toString('latin1') === 'FAT32';
    if (wide || head.subarray(54, 57).toString('latin1') === 'FAT') {
      const at = wide ? 71 : 43;
      const label = printable(head.subarray(at, at + 11));
      return { type: 'vfat', label: label === 'NO NAME' ? null : label };
    }
  }
  if (head.readUInt16LE(1024 + 0x38) !== 0xef53) return null;
  return { type: 'ext4', label: printable(head.subarray(1024 + 0x78, 1024 + 0x88)) };
}

function printable(bytes: Buffer): string | null {
  const [text = ''] = bytes.toString('latin1').split('\0');
  return text.replaceAll(/[^\x20-\x7e]/g, '?').trim() || null;
}

async function readHead(device: string): Promise<Buffer> {
  await using file = await open(device, 'r');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD), 0, HEAD, 0);
  return buffer.subarray(0, bytesRead);
}
