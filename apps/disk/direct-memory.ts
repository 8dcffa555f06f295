/** Bytes of a piece of memory, and how many pieces there are: what is under way at once. */
const [PIECE, PIECES] = [1024 * 1024, 4];
/** Bytes of a page of WebAssembly's memory. */
const WASM_PAGE = 65_536;
/** The types of Node have no value of this name. */
declare const WebAssembly: { Memory: new (shape: { initial: number }) => { buffer: ArrayBuffer } };

/**
 * Memory that a disk is read into and written from past the kernel's cache. For that it must begin at a sector (open(2),
 * O_DIRECT): WebAssembly's memory begins at a page, and a Buffer anywhere.
 */
export class DirectMemory {
  readonly #free: Buffer[] = [];
  readonly #waiting: ((piece: Buffer) => void)[] = [];
  #taken = 0;

  /**
   * Works on a range part by part, several at a time, each with memory of its length.
   * @param length of the range, bytes
   * @param work gets where in the range a part begins, and memory that is its own until it is done
   * @throws what `work` throws
   */
  async inParts(
    length: number,
    work: (at: number, memory: Buffer) => Promise<void>,
  ): Promise<void> {
    const parts: Promise<void>[] = [];
    for (let at = 0; at < length; at += PIECE) parts.push(this.#part(at, length, work));
    const results = await Promise.allSettled(parts);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async #part(
    at: number,
    length: number,
    work: (at: number, memory: Buffer) => Promise<void>,
  ): Promise<void> {
    const piece = await this.#take();
    try {
      await work(at, piece.subarray(0, Math.min(PIECE, length - at)));
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(piece);
      else next(piece);
    }
  }

  async #take(): Promise<Buffer> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#taken === PIECES) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#taken += 1;
    const { buffer } = new WebAssembly.Memory({ initial: PIECE / WASM_PAGE });
    return Buffer.from(buffer);
  }
}
