import type { BlockDevice } from '../../../../build/disk/block-device.ts';

/** Bytes of a page. */
const PAGE = 64 * 1024;

const ZEROS = Buffer.alloc(PAGE);

/** A sparse disk in memory, of any size. */
export class MemoryDisk implements BlockDevice {
  readonly sectorSize: number;
  readonly bytes: number;
  readonly #pages = new Map<number, Buffer>();
  /** Whether a write at this offset is accepted but lost, as by a faulty disk. */
  readonly #forgets: (offset: number) => boolean;

  constructor(bytes: number, sectorSize = 512, forgets: (offset: number) => boolean = () => false) {
    this.bytes = bytes;
    this.sectorSize = sectorSize;
    this.#forgets = forgets;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const result = Buffer.alloc(length);
    for (const [page, from, to] of this.#span(offset, length)) {
      const known = this.#pages.get(page);
      if (known !== undefined) known.copy(result, page * PAGE + from - offset, from, to);
    }
    return result;
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    if (this.#forgets(offset)) return;
    this.put(offset, data);
  }

  async flush(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  /** Writes without regard to sectors. */
  put(offset: number, data: Uint8Array): void {
    for (const [page, from, to] of this.#span(offset, data.length)) {
      const start = page * PAGE + from - offset;
      const part = data.subarray(start, start + to - from);
      const isZero = ZEROS.subarray(0, part.length).equals(part);
      if (isZero && (part.length === PAGE || !this.#pages.has(page))) {
        this.#pages.delete(page);
        continue;
      }
      const known = this.#pages.get(page) ?? Buffer.alloc(PAGE);
      known.set(part, from);
      this.#pages.set(page, known);
    }
  }

  /** Returns the pages of a range, and the range within each. */
  *#span(offset: number, length: number): Generator<[page: number, from: number, to: number]> {
    if (offset < 0 || offset + length > this.bytes) {
      throw new Error(`${length} bytes at ${offset} are outside of a disk of ${this.bytes}`);
    }
    for (let at = offset; at < offset + length; ) {
      const page = Math.floor(at / PAGE);
      const to = Math.min((page + 1) * PAGE, offset + length);
      yield [page, at - page * PAGE, to - page * PAGE];
      at = to;
    }
  }
}
