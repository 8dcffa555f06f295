import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { UNIT } from './sectors.ts';

/** First bytes of a log of QEMU's blklogwrites, which has the format of the kernel's dm-log-writes (log-writes.rst). */
const MAGIC = 0x6a73_6677_7368_72n;
/** Flags of an entry. */
const [FLUSH, FUA, DISCARD] = [1n, 2n, 4n];
/** Fields of an entry: sector, sectors, flags, length of a mark; u64 each, little-endian. */
const ENTRY_BYTES = 32;

/** An operation of a guest on its disk; the log has them in order. */
export interface LogEntry {
  /** Position and length on the disk in bytes. */
  offset: number;
  bytes: number;
  /** Position of the bytes in the log; null for a discard, whose bytes are zeros. */
  data: number | null;
  /** Position in the log at which the entry ends. */
  end: number;
  /** Whether this operation flushes: all earlier ones are then on the medium. */
  flushes: boolean;
  /** Whether this operation itself is on the medium as soon as it has ended. */
  forced: boolean;
}

/** A log of writes, open for reading. */
export class WriteLog implements Disposable {
  readonly #file: number;
  readonly #bytes: number;
  readonly #sectorSize: number;

  /** @throws Error if the file is not such a log */
  constructor(path: string) {
    this.#file = openSync(path, 'r');
    this.#bytes = statSync(path).size;
    const head = this.read(0, UNIT);
    const sectorSize = head.readUInt32LE(24);
    if (head.readBigUInt64LE(0) !== MAGIC || head.readBigUInt64LE(8) !== 1n) {
      throw new Error(`${path} is no log of writes`);
    }
    if (sectorSize !== 512 && sectorSize !== 4096) throw new Error(`sectors of ${sectorSize}`);
    this.#sectorSize = sectorSize;
  }

  /** Bytes of the log. */
  read(offset: number, length: number): Buffer {
    const buffer = Buffer.alloc(length);
    readSync(this.#file, buffer, 0, length, offset);
    return buffer;
  }

  /** Yields all entries up to the end of the file: the number in the header is that at the last flush. */
  *entries(): Generator<LogEntry> {
    const size = this.#sectorSize;
    for (let at = size; at + size <= this.#bytes; ) {
      const head = this.read(at, ENTRY_BYTES);
      const [sector, sectors, flags] = [0, 8, 16].map((place) => head.readBigUInt64LE(place));
      if (sector === undefined || sectors === undefined || flags === undefined) return;
      const bytes = Number(sectors) * size;
      const isDiscard = (flags & DISCARD) !== 0n;
      const hasData = bytes > 0 && !isDiscard;
      yield {
        offset: Number(sector) * size,
        bytes,
        data: hasData ? at + size : null,
        end: at + size + (hasData ? bytes : 0),
        flushes: (flags & FLUSH) !== 0n,
        forced: (flags & FUA) !== 0n,
      };
      at += size + (hasData ? bytes : 0);
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}
