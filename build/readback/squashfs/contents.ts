import { unreadable } from '../verdict.ts';
import type { Squashfs, SquashfsNode } from './image.ts';

/** Flag in the stored size of an uncompressed data block; the lower bits are the size. */
const UNCOMPRESSED = 1 << 24;

/** Number of stored bytes that are read and decompressed at once. */
const BATCH = 4 * 1024 * 1024;

/** A part of a file's content. */
export interface ContentPart {
  node: SquashfsNode;
  /** Offset in the file. */
  from: number;
  /** Number of bytes according to the file's size. */
  length: number;
  /** The bytes in the image; their number differs from `length` if the image is damaged. */
  bytes: Buffer;
  /** Whether nothing is stored because all bytes are zero. */
  isHole: boolean;
}

/** A part of a file, and its position in a decompressed block. */
interface Use {
  node: SquashfsNode;
  from: number;
  length: number;
  /** Offset in the block. */
  at: number;
}

/** A stored block and the parts of files in it: equal files share blocks, and small files are stored together. */
interface Block {
  start: number;
  stored: number;
  compressed: boolean;
  /** Expected size after decompression; undefined for a fragment block. */
  size: number | undefined;
  uses: Use[];
}

/**
 * Reads the contents of files in a squashfs in parts. Every stored block is read and decompressed once, in storage
 * order, so the parts of a file may come in any order. Holes come first.
 * @param visit receives each part; its bytes are valid until it returns
 * @throws BuildError if a block cannot be read
 */
export async function visitContents(
  image: Squashfs,
  nodes: readonly SquashfsNode[],
  visit: (part: ContentPart) => void,
): Promise<void> {
  const contents = new Contents(image, visit);
  for (const node of nodes) contents.add(node);
  await contents.run();
}

class Contents {
  readonly #image: Squashfs;
  readonly #visit: (part: ContentPart) => void;
  readonly #blocks = new Map<number, Block>();
  readonly #zeros: Buffer;

  constructor(image: Squashfs, visit: (part: ContentPart) => void) {
    this.#image = image;
    this.#visit = visit;
    this.#zeros = Buffer.alloc(image.superblock.blockSize);
  }

  /** Records which blocks contain a file's content; visits holes immediately. */
  add(node: SquashfsNode): void {
    const { data } = node;
    if (data === undefined) return;
    const { blockSize } = this.#image.superblock;
    let start = data.start;
    let from = 0;
    for (const stored of data.blocks) {
      const length = Math.min(blockSize, node.size - from);
      if (stored === 0) {
        const bytes = this.#zeros.subarray(0, length);
        this.#visit({ node, from, length, bytes, isHole: true });
      } else this.#use({ start, stored, size: length }, { node, from, length, at: 0 });
      start += stored & (UNCOMPRESSED - 1);
      from += length;
    }
    if (data.fragment === undefined) return;
    const { index, offset } = data.fragment;
    const fragment = this.#image.fragments[index];
    if (fragment === undefined)
      throw this.#damaged(`/${node.path} names a fragment that is not there`);
    const use = { node, from, length: node.size - from, at: offset };
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
    else throw this.#damaged(`/${use.node.path} overlaps another file`);
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
    blocks.forEach(({ compressed, size, uses }, index) => {
      const raw = stored[index] ?? this.#zeros;
      const content = compressed ? (unpacked.next().value ?? raw) : raw;
      for (const { at, ...use } of uses) {
        // A data block holds exactly one part of a file; a fragment block holds parts of several files.
        const part = size === undefined ? content.subarray(at, at + use.length) : content;
        this.#visit({ ...use, bytes: part, isHole: false });
      }
    });
  }

  #damaged(what: string): Error {
    return unreadable(what, this.#image.source.where);
  }
}
