import { BuildError } from '../error.ts';
import type { FileEntry } from '../tree/entry.ts';
import type { Tree } from '../tree/tree.ts';

/** Source of the bytes of an ELF file, of which only the requested parts are read. */
export interface ElfSource {
  /** Name for messages. */
  readonly name: string;
  /** Size in bytes. */
  readonly size: number;
  /** Copies bytes `[from, from + into.length)`; the range must be within `size`. */
  read(from: number, into: Uint8Array): void;
}

/** Returns a source for a file of a tree. */
export function makeTreeSource(tree: Tree, file: FileEntry): ElfSource {
  return {
    name: file.path,
    size: file.size,
    read: (from, into) => tree.read(file, from, into),
  };
}

/** Returns a source for bytes in memory. */
export function makeMemorySource(name: string, bytes: Uint8Array): ElfSource {
  return {
    name,
    size: bytes.length,
    read: (from, into) => into.set(bytes.subarray(from, from + into.length)),
  };
}

/** Name of a part in messages, and its largest size in bytes. */
export interface Part {
  part: string;
  most: number;
}

/**
 * Reads a part of an ELF file whose position comes from the file itself.
 * @throws BuildError if it is outside the file or larger than `most`
 */
export function readPart(source: ElfSource, from: number, length: number, limit: Part): Buffer {
  if (length > limit.most) throw damaged(source, `its ${limit.part} is too long (${length} bytes)`);
  if (from + length > source.size) throw damaged(source, `its ${limit.part} lies outside the file`);
  const bytes = Buffer.allocUnsafe(length);
  source.read(from, bytes);
  return bytes;
}

/** Returns the error for an ELF file that contradicts itself. */
export function damaged(source: ElfSource, why: string): BuildError {
  return new BuildError({
    what: `damaged ELF file: ${why}`,
    where: source.name,
    fix: 'Leave it out of the image, or get an undamaged package.',
  });
}
