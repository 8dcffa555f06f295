import type { ContentReader } from '../../tree/content.ts';
import type { FilePair } from '../compare.ts';
import { visitContents } from './contents.ts';
import type { Squashfs, SquashfsNode } from './image.ts';

/**
 * Compares the contents of files in a squashfs with those in the tree, byte by byte.
 * @param files pairs of files of equal size
 * @returns one clause per file that differs
 * @throws BuildError if a block cannot be read
 */
export async function compareContents(
  image: Squashfs,
  files: readonly FilePair<SquashfsNode>[],
  reader: ContentReader,
): Promise<string[]> {
  const entries = new Map(files.map(({ node, entry }) => [node, entry]));
  const scratch = Buffer.allocUnsafeSlow(image.superblock.blockSize);
  const different = new Set<string>();
  await visitContents(image, [...entries.keys()], ({ node, from, length, bytes }) => {
    const entry = entries.get(node);
    if (entry === undefined || different.has(entry.path)) return;
    const expected = scratch.subarray(0, length);
    reader.read(entry, from, expected);
    if (!expected.equals(bytes)) different.add(entry.path);
  });
  return [...different].map((path) => `/${path} has other content`);
}
