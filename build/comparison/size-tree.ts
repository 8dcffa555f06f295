import { isSystemPath } from '../disk/medium-paths.ts';
import { INITRAMFS_PATH } from '../image/grub-model.ts';
import { type Content, type ContentNode, PARTS } from './content.ts';

/** A folder or file and its size. */
export interface SizeTree {
  name: string;
  /** Total size of all files below it in bytes; 0 if it no longer exists. */
  size: number;
  /** The same in the earlier image; 0 if it did not exist, absent if there is no such image. */
  before?: number | undefined;
  /** Its contents, largest first. */
  parts: SizeTree[];
}

/** Whether a file of the medium is also present unpacked, as another part. */
function isPacked(path: string): boolean {
  return path === INITRAMFS_PATH || isSystemPath(path);
}

/** Returns the sizes of an image's unpacked parts as a tree, together with those of an earlier image. */
export function makeSizeTree(image: Content, before?: Content): SizeTree {
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
    // A file with several names counts once.
    if (type !== 'file' || sameAs !== '') return;
    if (part === 'medium' && isPacked(`/${path}`)) return;
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
