import { assertInside, type BlockDevice } from '../../build/disk/block-device.ts';

/** Size of an atomic write in bytes, whatever the logical sector size. */
export const UNIT = 512;

/** Contents of units, each stored once: number 0 is zeros. */
const contents: Buffer[] = [Buffer.alloc(UNIT)];
const numbers = new Map<string, number>([[contents[0]?.toString('latin1') ?? '', 0]]);

/** Returns the number of a unit's content. */
export function numberOf(unit: Buffer): number {
  const text = unit.toString('latin1');
  const known = numbers.get(text);
  if (known !== undefined) return known;
  contents.push(Buffer.from(unit));
  numbers.set(text, contents.length - 1);
  return contents.length - 1;
}

/** The bytes of units with these content numbers. */
export function readUnits(
  contentAt: (unit: number) => number,
  offset: number,
  length: number,
): Buffer {
  const result = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; done += UNIT) {
    const content = contents[contentAt((offset + done) / UNIT)];
    if (content === undefined) throw new Error('a unit has a content that nobody wrote');
    content.copy(result, done);
  }
  return result;
}

/** A disk as the content numbers of its units; missing ones are zeros. */
export type Sectors = Map<number, number>;

/** Something that happened to a disk. */
export type Operation =
  | { type: 'write'; offset: number; data: Buffer }
  | { type: 'flush' }
  /** Names of the images that may boot from here on; null for nothing. */
  | { type: 'mark'; boots: readonly (string | null)[] };

/** A disk that records its operations. */
export class RecordingDevice implements BlockDevice {
  readonly bytes: number;
  readonly sectorSize: number;
  readonly operations: Operation[] = [];
  readonly sectors: Sectors;

  constructor(shape: { bytes: number; sectorSize: number }, sectors: Sectors = new Map()) {
    this.bytes = shape.bytes;
    this.sectorSize = shape.sectorSize;
    this.sectors = new Map(sectors);
  }

  async read(offset: number, length: number): Promise<Buffer> {
    assertInside({ offset, length }, this);
    return readUnits((unit) => this.sectors.get(unit) ?? 0, offset, length);
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    assertInside({ offset, length: data.length }, this);
    const copy = Buffer.from(data);
    this.operations.push({ type: 'write', offset, data: copy });
    writeUnits(this.sectors, offset, copy);
  }

  async flush(): Promise<void> {
    this.operations.push({ type: 'flush' });
  }

  /** Sets the images that may boot after a power cut from now on. */
  mark(...boots: (string | null)[]): void {
    this.operations.push({ type: 'mark', boots });
  }
}

/** Writes whole units. */
export function writeUnits(sectors: Sectors, offset: number, data: Buffer): void {
  for (let done = 0; done < data.length; done += UNIT) {
    sectors.set((offset + done) / UNIT, numberOf(data.subarray(done, done + UNIT)));
  }
}
