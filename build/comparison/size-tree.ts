import { INITRAMFS_PATH, SYSTEM_PATH } from '../image/grub-model.ts';
import { type Content, type ContentNode, PARTS } from './content.ts';

/** A folder or file, and its bytes. */
export interface SizeTree {
  name: string;
  /** Bytes of all files in and below it; 0 if it is no longer there. */
  size: number;
  /** The same in the image that it is compared with; 0 if it was not there, absent if there is no such image. */
  before?: number | undefined;
  /** What is in it, the largest first. */
  parts: SizeTree[];
}

/** What the medium has packed that is there unpacked, as another part. */
const PACKED = new Set([SYSTEM_PATH, INITRAMFS_PATH]);

/** The sizes of an image's parts as a tree, everything unpacked, beside those of an image before. */
export function sizeTree(image: Content, before?: Content): SizeTree {
  const root = new Growing('unpacked');
  for (const part of PARTS) {
    for (const node of image.parts.get(part) ?? []) root.add(part, node, 'size');
    for (const node of before?.parts.get(part) ?? []) root.add(part, node, 'before');
  }
  return root.tree(before !== undefined);
}

class Growing {
  readonly #name: string;
  readonly #bytes = { size: 0, before: 0 };
  readonly #parts = new Map<string, Growing>();

  constructor(name: string) {
    this.#name = name;
  }

  add(part: string, { path, type, size, sameAs }: ContentNode, of: 'size' | 'before'): void {
    // A file of several names counts once.
    if (type !== 'file' || sameAs !== '') return;
    if (part === 'medium' && PACKED.has(`/${path}`)) return;
    let at: Growing = this;
    at.#bytes[of] += size;
    for (const name of [part, ...path.split('/')]) {
      const next = at.#parts.get(name) ?? new Growing(name);
      at.#parts.set(name, next);
      next.#bytes[of] += size;
      at = next;
    }
  }

  tree(isCompared: boolean): SizeTree {
    const parts = [...this.#parts.values()].map((part) => part.tree(isCompared));
    const { size, before } = this.#bytes;
    return {
      ...{ name: this.#name, size, ...(isCompared ? { before } : {}) },
      parts: parts.sort((a, b) => b.size - a.size || (a.name < b.name ? -1 : 1)),
    };
  }
}
