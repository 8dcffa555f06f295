import { allocatePages, isPageMemory } from '../../build/disk/page-memory.ts';

/** Size of a part in bytes, and maximum number of parts whose memory is lent at the same time. */
const [PART, PARTS] = [1024 * 1024, 4];

/** Lends page-aligned memory for direct I/O, which bypasses the kernel's page cache. */
export class DirectMemory {
  readonly #free: Buffer[] = [];
  readonly #waiting: ((memory: Buffer) => void)[] = [];
  #made = 0;

  /** Reads into memory of any alignment, in parts, several at the same time. @throws what `read` throws */
  async read(target: Buffer, read: (at: number, memory: Buffer) => Promise<void>): Promise<void> {
    await inParts(target, async (at, part) => {
      if (isPageMemory(part)) return await read(at, part);
      await this.#lend(part.length, async (memory) => {
        await read(at, memory);
        memory.copy(part);
      });
    });
  }

  /** Writes from memory of any alignment, in parts, several at the same time. @throws what `write` throws */
  async write(source: Buffer, write: (at: number, memory: Buffer) => Promise<void>): Promise<void> {
    await inParts(source, async (at, part) => {
      if (isPageMemory(part)) return await write(at, part);
      await this.#lend(part.length, async (memory) => {
        part.copy(memory);
        await write(at, memory);
      });
    });
  }

  async #lend(bytes: number, work: (memory: Buffer) => Promise<void>): Promise<void> {
    const memory = await this.#take();
    try {
      await work(memory.subarray(0, bytes));
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(memory);
      else next(memory);
    }
  }

  async #take(): Promise<Buffer> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#made === PARTS) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#made += 1;
    const [memory = Buffer.alloc(0)] = allocatePages(1, PART);
    return memory;
  }
}

/** Calls `work` for all parts of `whole` at the same time. @throws the first failure, after all calls have ended */
async function inParts(
  whole: Buffer,
  work: (at: number, part: Buffer) => Promise<void>,
): Promise<void> {
  const parts: Promise<void>[] = [];
  for (let at = 0; at < whole.length; at += PART) {
    parts.push(work(at, whole.subarray(at, at + PART)));
  }
  const results = await Promise.allSettled(parts);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
