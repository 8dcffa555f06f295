import { ExplainedError } from '../explained-error.ts';

/**
 * A disk, a partition, or a file used as one. In a power cut, any sectors of earlier writes may be lost, unless a
 * `flush` after these writes has returned.
 */
export interface BlockDevice {
  /** Size of a logical sector in bytes: 512 or 4096. Offsets and lengths of reads and writes are multiples of it. */
  readonly sectorSize: number;
  /** Size in bytes. */
  readonly bytes: number;
  /**
   * Reads bytes.
   * @param offset position of the first byte
   * @param length number of bytes
   * @param into buffer of that size that may be used for the result; a new one if absent
   * @throws ExplainedError if it cannot be read
   */
  read(offset: number, length: number, into?: Buffer): Promise<Buffer>;
  /** @throws ExplainedError if it cannot be written */
  write(offset: number, data: Uint8Array): Promise<void>;
  /** Resolves when all earlier writes are on the medium. @throws ExplainedError if that fails */
  flush(): Promise<void>;
}

/** A part of a device. */
export interface Region {
  /** Offset in bytes. */
  offset: number;
  bytes: number;
}

/**
 * Presents a part of a device as a device, like a partition.
 * @param offset offset in bytes; a multiple of the sector size
 * @throws ExplainedError from its methods for accesses outside the part
 */
export function sliceDevice(device: BlockDevice, offset: number, bytes: number): BlockDevice {
  const { sectorSize } = device;
  assertInside({ offset, length: bytes }, device);
  const inside = { sectorSize, bytes };
  return {
    ...inside,
    async read(at, length, into) {
      assertInside({ offset: at, length }, inside);
      return device.read(offset + at, length, into);
    },
    async write(at, data) {
      assertInside({ offset: at, length: data.length }, inside);
      await device.write(offset + at, data);
    },
    flush: () => device.flush(),
  };
}

/**
 * Checks a range.
 * @throws ExplainedError if it is not a range of whole sectors within a device of this size
 */
export function assertInside(
  { offset, length }: { offset: number; length: number },
  { sectorSize, bytes }: { sectorSize: number; bytes: number },
): void {
  const whole = [offset, length].every((n) => Number.isSafeInteger(n) && n % sectorSize === 0);
  if (whole && offset >= 0 && length >= 0 && offset + length <= bytes) return;
  throw new ExplainedError({
    what: `${length} bytes at byte ${offset} are not whole sectors of ${sectorSize} bytes on a device of ${bytes} bytes`,
  });
}

/**
 * Reads bytes at any position, by reading the sectors that contain them.
 * @throws ExplainedError if they are not on the device, or it cannot be read
 */
export async function readBytes(
  device: BlockDevice,
  offset: number,
  length: number,
): Promise<Buffer> {
  const { sectorSize } = device;
  const from = Math.floor(offset / sectorSize) * sectorSize;
  const to = Math.ceil((offset + length) / sectorSize) * sectorSize;
  const sectors = await device.read(from, to - from);
  return sectors.subarray(offset - from, offset - from + length);
}
