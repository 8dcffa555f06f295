import type { ContentReader } from '../../tree/content.ts';
import type { FileEntry } from '../../tree/entry.ts';
import type { FilePair } from '../compare.ts';
import { unreadable } from '../verdict.ts';
import type { Squashfs, SquashfsNode } from './image.ts';

/** Set in the stored size of a data block that is not compressed; the bits below are its size. */
const UNCOMPRESSED = 1 << 24;

/** Stored bytes that are read and decompressed at a time. */
const BATCH = 4 * 1024 * 1024;

/** A part of a file, and where it is in a decompressed block. */
interface Use {
  entry: FileEntry;
  /** Byte of the file. */
  from: number;
  length: number;
  /** Byte of the block. */
  at: number;
}

/** A stored block and the parts of files in it: equal files share theirs, and small ones have one together. */
interface Block {
  start: number;
  stored: number;
  compressed: boolean;
  /** Bytes that it must have decompressed; a fragment block has as many as it has. */
  size: number | undefined;
  uses: Use[];
}

/**
 * Compares the contents of files in a squashfs with those in the tree, byte by byte: every stored block is read and
 * decompressed once, in the order in which they lie there.
 * @param files of equal size here and there
 * @returns one clause for each file that differs
 * @throws BuildError if a block cannot be read
 */
export async function compareContents(
  image: Squashfs,
  files: readonly FilePair<SquashfsNode>[],
  reader: ContentReader,
): Promise<string[]> {
  const comparing = new Comparing(image, reader);
  for (const { entry, node } of files) comparing.add(entry, node);
  await comparing.run();
  return [...comparing.different].map((path) => `/${path} has other content`);
}

class Comparing {
  readonly different = new Set<string>();
  readonly #image: Squashfs;
  readonly #reader: ContentReader;
  readonly #blocks = new Map<number, Block>();
  readonly #scratch: Buffer;
  readonly #zeros: Buffer;

  constructor(image: Squashfs, reader: ContentReader) {
    this.#image = image;
    this.#reader = reader;
    this.#scratch = Buffer.allocUnsafeSlow(image.superblock.blockSize);
    this.#zeros = Buffer.alloc(image.superblock.blockSize);
  }

  /** Notes in which blocks a file's content is; holes are compared at once. */
  add(entry: FileEntry, { data }: SquashfsNode): void {
    if (data === undefined) return;
    const { blockSize } = this.#image.superblock;
    let start = data.start;
    let from = 0;
    for (const stored of data.blocks) {
      const length = Math.min(blockSize, entry.size - from);
      const use = { entry, from, length, at: 0 };
      if (stored === 0) this.#compare(use, this.#zeros);
      else this.#use({ start, stored, size: length }, use);
      start += stored & (UNCOMPRESSED - 1);
      from += length;
    }
    if (data.fragment === undefined) return;
    const { index, offset } = data.fragment;
    const fragment = this.#image.fragments[index];
    if (fragment === undefined)
      throw this.#damaged(`/${entry.path} names a fragment that is not there`);
    const use = { entry, from, length: entry.size - from, at: offset };
    this.#use({ ...fragment, size: undefined }, use);
  }

  async run(): Promise<void> {
    const blocks = [...this.#blocks.values()].sort((a, b) => a.start - b.start);
    for (let from = 0; from < blocks.length; ) {
      let to = from + 1;
      const start = blocks[from]?.start ?? 0;
      while ((blocks[to]?.start ?? Number.POSITIVE_INFINITY) < start + BATCH) to += 1;
      await this.#batch(blocks.slice(from, to));
      from = to;
    }
  }

  #use(
    { start, stored, size }: { start: number; stored: number; size: number | undefined },
    use: Use,
  ): void {
    const known = this.#blocks.get(start);
    const compressed = (stored & UNCOMPRESSED) === 0;
    const block = { start, stored: stored & (UNCOMPRESSED - 1), compressed, size, uses: [use] };
    if (known === undefined) this.#blocks.set(start, block);
    else if (known.stored === block.stored && known.size === size) known.uses.push(use);
    else throw this.#damaged(`/${use.entry.path} overlaps another file`);
  }

  async #batch(blocks: readonly Block[]): Promise<void> {
    const { source, superblock } = this.#image;
    const first = blocks[0]?.start ?? 0;
    const end = Math.max(...blocks.map(({ start, stored }) => start + stored));
    if (end > superblock.inodeTable) throw this.#damaged('a file ends among the tables');
    const bytes = source.read(first, end - first);
    const stored = blocks.map(({ start, stored: size }) =>
      bytes.subarray(start - first, start - first + size),
    );
    const packed = stored.filter((_, index) => blocks[index]?.compressed === true);
    const unpacked = (await source.decompress(packed, superblock.blockSize)).values();
    blocks.forEach((block, index) => {
      const raw = stored[index] ?? this.#zeros;
      const content = block.compressed ? (unpacked.next().value ?? raw) : raw;
      if (block.size !== undefined && block.size !== content.length) {
        for (const { entry } of block.uses) this.different.add(entry.path);
      } else {
        for (const use of block.uses) this.#compare(use, content);
      }
    });
  }

  #compare({ entry, from, length, at }: Use, content: Buffer): void {
    if (this.different.has(entry.path)) return;
    const meant = this.#scratch.subarray(0, length);
    this.#reader.read(entry, from, meant);
    if (meant.compare(content, at, Math.min(at + length, content.length)) !== 0) {
      this.different.add(entry.path);
    }
  }

  #damaged(what: string): Error {
    return unreadable(what, this.#image.source.where);
  }
}
