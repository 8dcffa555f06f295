import { closeSync, openSync, writeSync } from 'node:fs';
import { execa } from 'execa';
import { Random } from '../fuzz/random.ts';
import { WriteLog } from './write-log.ts';

/** A guest's disk, and QEMU's log of what the guest wrote to it. */
export interface DiskRecording {
  /** The disk before the recording, a raw file. */
  start: string;
  /** The log of QEMU's blklogwrites. */
  log: string;
}

/** A power cut. */
export interface DiskCut {
  /** Number of entries of the log before the cut. */
  entries: number;
  /**
   * Seed that chooses which unflushed writes are lost, as by a disk with a cache; if absent, no write is lost, as when
   * only QEMU ends.
   */
  seed?: number | undefined;
}

/** Bytes that survive together, as on a disk with sectors of this size. */
const BLOCK = 4096;

/** Writes the disk to a file as it is after a power cut. */
export async function writeCutDisk(
  { start, log: path }: DiskRecording,
  { entries: count, seed }: DiskCut,
  file: string,
): Promise<void> {
  await execa('cp', ['--sparse=always', '--reflink=auto', start, file]);
  using log = new WriteLog(path);
  const entries = [...log.entries()].slice(0, count);
  const flush = entries.findLastIndex(({ flushes }) => flushes);
  const random = seed === undefined ? undefined : new Random(seed);
  const share = random === undefined ? 10 : 1 + random.below(9);
  const disk = openSync(file, 'r+');
  try {
    for (const [index, { offset, bytes, data, forced }] of entries.entries()) {
      const content = data === null ? Buffer.alloc(bytes) : log.read(data, bytes);
      const isKept = random === undefined || index < flush || forced;
      for (let at = 0; at < bytes; ) {
        const length = isKept ? bytes : Math.min(bytes - at, BLOCK - ((offset + at) % BLOCK));
        if (isKept || random.below(10) < share) writeSync(disk, content, at, length, offset + at);
        at += length;
      }
    }
  } finally {
    closeSync(disk);
  }
}
