import { createHash } from 'node:crypto';
import { type BigIntStats, closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { BuildError } from '../error.ts';

const CHUNK = 1024 * 1024;

/**
 * A file on the host as it was when it was hashed: too large to be kept in memory, known by its SHA-256. A digest of
 * plain data takes it for its bytes, wherever it lies.
 */
export class HashedFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
  /** Changes with every write to the file, and when another file takes its place. */
  readonly stamp: string;

  constructor({ path, size, sha256, stamp }: HashedFile) {
    this.path = path;
    this.size = size;
    this.sha256 = sha256;
    this.stamp = stamp;
  }
}

/**
 * Hashes a file in small pieces.
 * @throws BuildError if it is written to meanwhile
 */
export function readHashedFile(path: string): HashedFile {
  const descriptor = openSync(path, 'r');
  try {
    const before = fstatSync(descriptor, { bigint: true });
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(CHUNK);
    for (let size = 0; ; ) {
      const got = readSync(descriptor, buffer, 0, CHUNK, size);
      hash.update(buffer.subarray(0, got));
      size += got;
      if (got > 0) continue;
      const stamp = stampOf(before);
      const file = new HashedFile({ path, size, sha256: hash.digest('hex'), stamp });
      assertUnchanged(file, descriptor);
      return file;
    }
  } finally {
    closeSync(descriptor);
  }
}

/**
 * @param descriptor of the file, opened again
 * @throws BuildError if it is not what was hashed
 */
export function assertUnchanged({ path, stamp }: HashedFile, descriptor: number): void {
  if (stampOf(fstatSync(descriptor, { bigint: true })) === stamp) return;
  throw new BuildError({
    what: 'a file that the build reads from has changed',
    where: path,
    fix: 'It changed under the build; run it again.',
  });
}

function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}
