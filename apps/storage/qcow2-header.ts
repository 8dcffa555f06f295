import { isQcow2 } from './volume-format.ts';

/** Bytes at the beginning of an image that contain its header. */
export const QCOW2_HEADER = 104;

/** Facts from the header of a qcow2 image (docs/interop/qcow2.txt of QEMU). */
export interface Qcow2Header {
  /** Size of the disk that a virtual machine sees, in bytes. */
  readonly capacity: bigint;
  /** Whether its contents depend on another file: a backing file, or an external data file. */
  readonly refersToOthers: boolean;
  /** Offset and length, in bytes, of the name of its backing file in the image; undefined if it has none. */
  readonly backingFile: { readonly offset: number; readonly length: number } | undefined;
}

/** Longest name of a backing file, in bytes. */
const LONGEST_NAME = 1023;

/** Largest cluster, in bytes: the name is in the first cluster. */
const LARGEST_CLUSTER = 2 * 1024 * 1024;

/**
 * Parses the header of a qcow2 image.
 * @param head its first {@link QCOW2_HEADER} bytes, fewer if it is shorter
 * @returns undefined if it is not a qcow2 image, or has an unknown version
 */
export function parseQcow2Header(head: Buffer): Qcow2Header | undefined {
  if (!isQcow2(head) || head.length < 72) return undefined;
  const version = head.readUInt32BE(4);
  if (version !== 2 && (version !== 3 || head.length < QCOW2_HEADER)) return undefined;
  const externalData = version === 3 && (head.readBigUInt64BE(72) & 4n) !== 0n;
  const offset = head.readBigUInt64BE(8);
  const length = head.readUInt32BE(16);
  const isNamed = offset !== 0n && offset < LARGEST_CLUSTER && length > 0 && length <= LONGEST_NAME;
  return {
    capacity: head.readBigUInt64BE(24),
    refersToOthers: offset !== 0n || length !== 0 || externalData,
    backingFile: isNamed ? { offset: Number(offset), length } : undefined,
  };
}
