import type { Pool } from '../api/storage.ts';

type Format = Pool['volumes'][number]['format'];

/** Bytes at the beginning of a file from which its format is determined. */
export const HEAD = 32;

/** Magic number of a qcow2 image: `QFI` and 0xfb; the version follows (docs/interop/qcow2.txt of QEMU). */
const QCOW2 = Buffer.from([0x51, 0x46, 0x49, 0xfb]);

/**
 * Identifier of the first volume descriptor of ISO 9660, one byte after 16 sectors of 2048 bytes (ECMA-119, 6.2 and
 * 8.1).
 */
export const DESCRIPTOR = { at: 32 * 1024 + 1, text: 'CD001' };

/** A file whose format is to be determined. */
export interface Contents {
  name: string;
  /** Size in bytes. */
  size: number;
  /** Its first bytes. */
  head: Buffer;
  /** Its bytes at {@link DESCRIPTOR}. */
  descriptor: Buffer;
}

/**
 * Determines the format of a file and the size in bytes that a virtual machine sees, by its first bytes, its name and
 * its size.
 */
export function determineVolumeFormat({ name, size, head, descriptor }: Contents): {
  format: Format;
  capacity: number;
} {
  if (isQcow2(head)) return qcow2(head, size);
  if (descriptor.equals(Buffer.from(DESCRIPTOR.text))) return { format: 'iso', capacity: size };
  return { format: /\.(raw|img)$/i.test(name) ? 'raw' : 'unknown', capacity: size };
}

/** Returns whether the beginning of a file is that of a qcow2 image, damaged or not. */
export function isQcow2(head: Buffer): boolean {
  return head.subarray(0, 4).equals(QCOW2);
}

/**
 * Parses a qcow2 header. An image with a size that cannot be represented is damaged, as is one with an incomplete
 * header.
 */
function qcow2(head: Buffer, size: number): { format: Format; capacity: number } {
  const version = head.length < 32 ? 0 : head.readUInt32BE(4);
  const capacity = version === 2 || version === 3 ? head.readBigUInt64BE(24) : -1n;
  return capacity >= 0n && capacity <= BigInt(Number.MAX_SAFE_INTEGER)
    ? { format: 'qcow2', capacity: Number(capacity) }
    : { format: 'unknown', capacity: size };
}
