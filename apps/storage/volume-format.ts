import type { Pool } from '../api/storage.ts';

type Format = Pool['volumes'][number]['format'];

/** Bytes of a file's beginning that its format can be told from. */
export const HEAD = 32;

/** Begins a qcow2 image: `QFI` and 0xfb, then the version (docs/interop/qcow2.txt of QEMU). */
const QCOW2 = Buffer.from([0x51, 0x46, 0x49, 0xfb]);

/**
 * Where ISO 9660 has the identifier of its first volume descriptor, a byte into the one after 16 sectors of 2048 bytes
 * (ECMA-119, 6.2 and 8.1).
 */
export const DESCRIPTOR = { at: 32 * 1024 + 1, text: 'CD001' };

/** A file whose format is to be told. */
export interface Contents {
  name: string;
  /** Bytes. */
  size: number;
  /** Its first bytes. */
  head: Buffer;
  /** Its bytes at {@link DESCRIPTOR}. */
  descriptor: Buffer;
}

/** Format of a file and the bytes that a virtual machine sees, told from its beginning, its name and its size. */
export function volumeFormat({ name, size, head, descriptor }: Contents): {
  format: Format;
  capacity: number;
} {
  if (isQcow2(head)) return qcow2(head, size);
  if (descriptor.equals(Buffer.from(DESCRIPTOR.text))) return { format: 'iso', capacity: size };
  return { format: /\.(raw|img)$/i.test(name) ? 'raw' : 'unknown', capacity: size };
}

/** True for the beginning of a qcow2 image, however damaged. */
export function isQcow2(head: Buffer): boolean {
  return head.subarray(0, 4).equals(QCOW2);
}

/** An image that says it is larger than can be counted is damaged, as is one without a whole header. */
function qcow2(head: Buffer, size: number): { format: Format; capacity: number } {
  const version = head.length < 32 ? 0 : head.readUInt32BE(4);
  const capacity = version === 2 || version === 3 ? head.readBigUInt64BE(24) : -1n;
  return capacity >= 0n && capacity <= BigInt(Number.MAX_SAFE_INTEGER)
    ? { format: 'qcow2', capacity: Number(capacity) }
    : { format: 'unknown', capacity: size };
}
