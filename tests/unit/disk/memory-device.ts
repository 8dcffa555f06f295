import { assertInside, type BlockDevice } from '../../../build/disk/block-device.ts';

const PAGE = 4096;

/** A disk in memory, which uses no memory for parts that were never written. */
export class MemoryDevice implements BlockDevice {
  readonly sectorSize: number;
  readonly bytes: number;
  readonly #pages = new Map<number, Buffer>();

  constructor(bytes: number, sectorSize: number) {
    this.bytes = bytes;
    this.sectorSize = sectorSize;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    assertInside({ offset, length }, this);
    const result = Buffer.alloc(length);
    for (const { page, within, at, count } of pieces(offset, length)) {
      this.#pages.get(page)?.copy(result, at, within, within + count);
    }
    return result;
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    assertInside({ offset, length: data.length }, this);
    for (const { page, within, at, count } of pieces(offset, data.length)) {
      const content = this.#pages.get(page) ?? Buffer.alloc(PAGE);
      content.set(data.subarray(at, at + count), within);
      this.#pages.set(page, content);
    }
  }

  async flush(): Promise<void> {}

  /** Yields all parts that were written. */
  *written(): Generator<{ offset: number; bytes: Buffer }> {
    for (const [page, bytes] of this.#pages) yield { offset: page * PAGE, bytes };
  }
}

function* pieces(offset: number, length: number) {
  for (let at = 0; at < length; ) {
    const [page, within] = [Math.floor((offset + at) / PAGE), (offset + at) % PAGE];
    const count = Math.min(PAGE - within, length - at);
    yield { page, within, at, count };
    at += count;
  }
}
