import { run } from '../process/run.ts';
import type { Care } from './probe.ts';

/** Bytes of a device within which all superblocks that are known here lie. */
const LENGTH = 68 * 1024;

/** Milliseconds within which a disk answers. */
const PATIENCE = 5_000;

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
 * base. By a child, since a disk of a server may not answer. `null` where the device cannot be read, or is none that is
 * known here.
 * @throws CommandError if it does not answer in time
 */
export async function readUuid(device: string, care: Care = {}): Promise<string | null> {
  const script = `dd if="$1" bs=4096 count=${LENGTH / 4096} 2>/dev/null | base64`;
  const text = await run('sh', ['-c', script, 'sh', device], { timeout: PATIENCE, ...care });
  return parseUuid(Buffer.from(text, 'base64'));
}
