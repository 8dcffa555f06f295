import { BuildError } from '../error.ts';
import type { FileEntry } from '../tree/entry.ts';
import type { Tree } from '../tree/tree.ts';

/** Where the bytes of an ELF file come from: only the parts that are asked for are read. */
export interface ElfSource {
  /** For messages. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Copies bytes `[from, from + into.length)`; only called inside of `size`. */
  read(from: number, into: Uint8Array): void;
}

/** A file of a tree. */
export function treeSource(tree: Tree, file: FileEntry): ElfSource {
  return {
    name: file.path,
    size: file.size,
    read: (from, into) => tree.read(file, from, into),
  };
}

/** Bytes in memory. */
export function memorySource(name: string, bytes: Uint8Array): ElfSource {
  return {
    name,
    size: bytes.length,
    read: (from, into) => into.set(bytes.subarray(from, from + into.length)),
  };
}

/** What a part is called in messages, and how long it may be at most (bytes). */
export interface Part {
  part: string;
  most: number;
}

/**
 * Reads a part of an ELF file whose place the file itself told.
 * @throws BuildError if it lies outside of the file or is longer than `most`
 */
export function readPart(source: ElfSource, from: number, length: number, limit: Part): Buffer {
  if (length > limit.most) throw damaged(source, `its ${limit.part} is too long (${length} bytes)`);
  if (from + length > source.size) throw damaged(source, `its ${limit.part} lies outside the file`);
  const bytes = Buffer.allocUnsafe(length);
  source.read(from, bytes);
  return bytes;
}

/** An ELF file that contradicts itself. */
export function damaged(source: ElfSource, why: string): BuildError {
  return new BuildError({
    what: `damaged ELF file: ${why}`,
    where: source.name,
    fix: 'Leave it out of the image, or get an undamaged package.',
  });
}
