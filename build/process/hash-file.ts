import { createHash, type Hash } from 'node:crypto';
import { open } from 'node:fs/promises';

const CHUNK = 1024 * 1024;

/** A part of a file to hash separately. */
export interface Part {
  /** Offset of the first byte. */
  offset: number;
  /** Size in bytes. */
  size: number;
}

/** SHA-256 of a file and of parts of it. */
export interface Hashes {
  /** SHA-256 of the whole file, hex. */
  whole: string;
  /** SHA-256 of each part, hex, in the requested order. */
  parts: string[];
}

/**
 * Reads a file once, and hashes the whole and parts of it.
 * @throws if the file cannot be read
 */
export async function hashFile(
  file: string,
  parts: readonly Part[] = [],
  signal?: AbortSignal,
): Promise<Hashes> {
  const whole = createHash('sha256');
  const partHashes = parts.map(() => createHash('sha256'));
  const handle = await open(file, 'r');
  try {
    const buffer = Buffer.allocUnsafeSlow(CHUNK);
    for (let offset = 0; ; ) {
      signal?.throwIfAborted();
      const { bytesRead } = await handle.read(buffer, 0, CHUNK, offset);
      if (bytesRead === 0) break;
      const chunk = buffer.subarray(0, bytesRead);
      whole.update(chunk);
      parts.forEach((part, index) => {
        updateOverlap(partHashes[index], part, chunk, offset);
      });
      offset += bytesRead;
    }
  } finally {
    await handle.close();
  }
  return { whole: whole.digest('hex'), parts: partHashes.map((hash) => hash.digest('hex')) };
}

function updateOverlap(hash: Hash | undefined, part: Part, chunk: Buffer, offset: number): void {
  const from = Math.max(part.offset - offset, 0);
  const to = Math.min(part.offset + part.size - offset, chunk.length);
  if (from < to) hash?.update(chunk.subarray(from, to));
}
