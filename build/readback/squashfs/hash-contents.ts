import { createHash } from 'node:crypto';
import { unreadable } from '../verdict.ts';
import { type ContentPart, visitContents } from './contents.ts';
import type { Squashfs } from './image.ts';

/**
 * Hashes the contents of all files of a squashfs.
 * @returns inode number → SHA-256, hex
 * @throws BuildError if a block cannot be read
 */
export async function hashContents(image: Squashfs): Promise<Map<number, string>> {
  const { where } = image.source;
  const files = new Map(
    image.nodes.filter(({ type }) => type === 'file').map((node) => [node.inode, node]),
  );
  const hashes = new Map([...files.keys()].map((inode) => [inode, new PartsHash()]));
  await visitContents(image, [...files.values()], (part) => {
    const { node, length, bytes } = part;
    if (bytes.length !== length)
      throw unreadable(`/${node.path} does not have the size that it states`, where);
    hashes.get(node.inode)?.take(part);
  });
  return new Map([...hashes].map(([inode, hash]) => [inode, hash.digest()]));
}

/**
 * A hash of parts that arrive in any order: a part that arrives too early is stored until its predecessors have
 * arrived.
 */
class PartsHash {
  readonly #hash = createHash('sha256');
  readonly #early = new Map<number, Buffer>();
  #at = 0;

  take({ from, bytes, isHole }: ContentPart): void {
    if (from !== this.#at) {
      this.#early.set(from, isHole ? bytes : Buffer.from(bytes));
      return;
    }
    for (
      let next: Buffer | undefined = bytes;
      next !== undefined;
      next = this.#early.get(this.#at)
    ) {
      this.#early.delete(this.#at);
      this.#hash.update(next);
      this.#at += next.length;
    }
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}
