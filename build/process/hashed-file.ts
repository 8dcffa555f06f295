import { createHash } from 'node:crypto';
import { type BigIntStats, closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { BuildError } from '../error.ts';

const CHUNK = 1024 * 1024;

/**
 * A host file as it was when it was hashed, for files too large to keep in memory. `computeDigest` covers the SHA-256,
 * and not the path.
 */
export class HashedFile {
  readonly path: string;
  /** Size in bytes. */
  readonly size: number;
  /** In hex. */
  readonly sha256: string;
  /** Changes when the file is written to or replaced. */
  readonly stamp: string;

  constructor({ path, size, sha256, stamp }: HashedFile) {
    this.path = path;
    this.size = size;
    this.sha256 = sha256;
    this.stamp = stamp;
  }
}

/**
 * Hashes a file in small blocks.
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
 * Checks that a file is unchanged since it was hashed.
 * @param descriptor the file, opened again
 * @throws BuildError if it has changed
 */
export function assertUnchanged({ path, stamp }: HashedFile, descriptor: number): void {
  if (stampOf(fstatSync(descriptor, { bigint: true })) === stamp) return;
  throw new BuildError({
    what: 'a file that the build reads from has changed',
    where: path,
    fix: 'It changed during the build; run it again.',
  });
}

function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}
