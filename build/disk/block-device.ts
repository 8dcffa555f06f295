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
   * @throws ExplainedError if it cannot be read
   */
  read(offset: number, length: number): Promise<Buffer>;
  /** @throws ExplainedError if it cannot be written */
  write(offset: number, data: Uint8Array): Promise<void>;
  /** Resolves when all that was written before is on the medium. @throws ExplainedError if that cannot be had */
  flush(): Promise<void>;
}
