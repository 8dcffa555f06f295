import { ContentReader } from '../../tree/content.ts';
import { comparePaths, type ExpectedContent } from '../compare.ts';
import { FileRange } from '../file-range.ts';
import { compareContents } from './compare-contents.ts';
import { readSquashfs } from './image.ts';

/** Mode of the root directory, which has no entry in a tree. */
const ROOT_MODE = 0o755;

/** mksquashfs pads to a multiple of this size, so that any block device can hold the image; bytes. */
const PADDED_TO = 4096;

/**
 * Reads a whole squashfs and compares it with the tree that it was made from.
 * @returns the differences, one clause each
 * @throws BuildError if it cannot be read
 */
export async function compareSquashfs(file: string, expected: ExpectedContent): Promise<string[]> {
  using range = FileRange.open(file);
  using reader = new ContentReader();
  const { size } = range;
  const image = await readSquashfs((offset, length) => range.read(offset, length), file);
  const { problems, files } = comparePaths(image.nodes, expected);
  const root = image.nodes[0];
  if (root === undefined || root.mode !== ROOT_MODE || root.uid !== 0 || root.gid !== 0) {
    problems.push('the root directory is not 0755 of root');
  }
  if (size !== Math.ceil(image.superblock.bytesUsed / PADDED_TO) * PADDED_TO) {
    problems.push(`it claims ${image.superblock.bytesUsed} bytes and has ${size}`);
  }
  if (image.superblock.madeAt !== expected.epoch) problems.push('it was made at another time');
  return [...problems, ...(await compareContents(image, files, reader))];
}
