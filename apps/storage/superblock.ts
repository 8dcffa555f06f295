import { run } from '../process/run.ts';
import type { ChildOptions } from './probe.ts';

/** Bytes at the beginning of a device that contain all superblocks known here. */
const LENGTH = 68 * 1024;

/** Milliseconds that a disk has to answer. */
const PATIENCE = 5_000;

/** A file system that can be a pool. */
export interface FileSystem {
  type: 'ext4' | 'xfs' | 'btrfs';
  uuid: string;
}

/** Offsets of a file system's signature and UUID, in bytes. */
interface Layout {
  type: FileSystem['type'];
  signature: { at: number; bytes: Buffer };
  uuid: number;
}

/**
 * XFS (fs/xfs/libxfs/xfs_format.h), ext2/3/4 (fs/ext4/ext4.h, superblock at 1024; the driver of ext4 mounts all three),
 * btrfs (superblock at 64 KiB).
 */
const LAYOUTS: readonly Layout[] = [
  { type: 'xfs', signature: { at: 0, bytes: Buffer.from('XFSB') }, uuid: 32 },
  {
    type: 'ext4',
    signature: { at: 1024 + 0x38, bytes: Buffer.from([0x53, 0xef]) },
    uuid: 1024 + 0x68,
  },
  { type: 'btrfs', signature: { at: 0x10040, bytes: Buffer.from('_BHRfS_M') }, uuid: 0x10020 },
];

/** Identifies a file system by its first bytes; returns `null` if it is unknown or has no UUID. */
export function parseFileSystem(start: Buffer): FileSystem | null {
  const layout = LAYOUTS.find(({ signature: { at, bytes } }) =>
    start.subarray(at, at + bytes.length).equals(bytes),
  );
  if (layout === undefined) return null;
  const hex = start.subarray(layout.uuid, layout.uuid + 16).toString('hex');
  if (!/^[0-9a-f]{32}$/.test(hex) || /^0+$/.test(hex)) return null;
  const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { type: layout.type, uuid };
}

/**
 * Reads the file system on a device, from the device itself: the links of /dev/disk and blkid(8) do not exist on every
 * base. Reads in a child, because a network disk may not answer. Returns `null` if the device cannot be read or its
 * file system is unknown.
 * @throws CommandError if it does not answer in time
 */
export async function readFileSystem(
  device: string,
  options: ChildOptions = {},
): Promise<FileSystem | null> {
  const script = `dd if="$1" bs=4096 count=${LENGTH / 4096} 2>/dev/null | base64`;
  const text = await run('sh', ['-c', script, 'sh', device], { timeout: PATIENCE, ...options });
  return parseFileSystem(Buffer.from(text, 'base64'));
}
