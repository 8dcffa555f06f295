import { open } from 'node:fs/promises';

/** Bytes of a device within which all superblocks that are known here lie. */
const LENGTH = 68 * 1024;

/** Where a file system has its signature and its UUID, in bytes. */
interface Layout {
  signature: { at: number; bytes: Buffer };
  uuid: number;
}

/** XFS (fs/xfs/libxfs/xfs_format.h), ext2/3/4 (fs/ext4/ext4.h, superblock at 1024), btrfs (superblock at 64 KiB). */
const LAYOUTS: readonly Layout[] = [
  { signature: { at: 0, bytes: Buffer.from('XFSB') }, uuid: 32 },
  { signature: { at: 1024 + 0x38, bytes: Buffer.from([0x53, 0xef]) }, uuid: 1024 + 0x68 },
  { signature: { at: 0x10040, bytes: Buffer.from('_BHRfS_M') }, uuid: 0x10020 },
];

/** UUID of the file system whose first bytes these are; `null` if it is none that is known, or has none. */
export function parseUuid(start: Buffer): string | null {
  const layout = LAYOUTS.find(({ signature: { at, bytes } }) =>
    start.subarray(at, at + bytes.length).equals(bytes),
  );
  if (layout === undefined) return null;
  const hex = start.subarray(layout.uuid, layout.uuid + 16).toString('hex');
  if (!/^[0-9a-f]{32}$/.test(hex) || /^0+$/.test(hex)) return null;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/**
 * UUID of the file system on a device. Read from the device itself: the links of /dev/disk and blkid(8) are not on every
 * base. `null` where the device cannot be read.
 */
export async function readUuid(device: string): Promise<string | null> {
  try {
    await using file = await open(device, 'r');
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(LENGTH), position: 0 });
    return parseUuid(buffer.subarray(0, bytesRead));
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null;
    throw error;
  }
}
