import { ExplainedError } from '../explained-error.ts';

/**
 * A disk, a partition of one, or a file that stands for one. What is written may be lost at a power cut, in any part and
 * any order of sectors, until a `flush` after it has returned.
 */
export interface BlockDevice {
  /** Bytes of a logical sector: 512 or 4096. Offsets and lengths of reads and writes are multiples of it. */
  readonly sectorSize: number;
  /** Its size, bytes. */
  readonly bytes: number;
  /**
   * @param offset where to begin, bytes
   * @param length how much to read, bytes
   * @param into memory of so many bytes that the result may be in; new memory if absent
   * @throws ExplainedError if it cannot be read
   */
  read(offset: number, length: number, into?: Buffer): Promise<Buffer>;
  /** @throws ExplainedError if it cannot be written */
  write(offset: number, data: Uint8Array): Promise<void>;
  /** Resolves when all that was written before is on the medium. @throws ExplainedError if that cannot be had */
  flush(): Promise<void>;
}

/** A part of a device. */
export interface Region {
  /** Where it begins, bytes. */
  offset: number;
  bytes: number;
}

/**
 * A part of a device as a device of its own, as a partition is.
 * @param offset where it begins, bytes; a multiple of the sector
 * @throws ExplainedError from its methods if they would leave it
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
 * @throws ExplainedError if a range is not whole sectors of a device of this size
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
 * Reads any bytes, by way of the whole sectors that they are in.
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
