import { isQcow2 } from './volume-format.ts';

/** Bytes of an image's beginning that its header is read from. */
export const QCOW2_HEADER = 104;

/** What a qcow2 image says of itself (docs/interop/qcow2.txt of QEMU). */
export interface Qcow2Header {
  /** Bytes that a virtual machine sees. */
  readonly capacity: bigint;
  /** Whether it takes contents from another file: a backing file, or an external data file. */
  readonly refersToOthers: boolean;
}

/**
 * Reads the header of a qcow2 image.
 * @param head its first {@link QCOW2_HEADER} bytes, fewer if it is shorter
 * @returns undefined if it is none, or one of a version that is not known
 */
export function parseQcow2Header(head: Buffer): Qcow2Header | undefined {
  if (!isQcow2(head) || head.length < 72) return undefined;
  const version = head.readUInt32BE(4);
  if (version !== 2 && (version !== 3 || head.length < QCOW2_HEADER)) return undefined;
  const externalData = version === 3 && (head.readBigUInt64BE(72) & 4n) !== 0n;
  return {
    capacity: head.readBigUInt64BE(24),
    refersToOthers: head.readBigUInt64BE(8) !== 0n || head.readUInt32BE(16) !== 0 || externalData,
  };
}
