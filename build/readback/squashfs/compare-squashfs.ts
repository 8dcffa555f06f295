import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { ContentReader } from '../../tree/content.ts';
import { comparePaths, type Meant } from '../compare.ts';
import { unreadable } from '../verdict.ts';
import { compareContents } from './contents.ts';
import { readSquashfs } from './image.ts';

/** Mode of the root directory, which no entry of a tree stands for. */
const ROOT_MODE = 0o755;

/** mksquashfs pads to a multiple of this, so that block devices of any kind can hold it; bytes. */
const PADDED_TO = 4096;

/**
 * Reads a squashfs whole and compares it with the tree that it was made from.
 * @returns what differs, one clause for each; nothing if all is as it was meant
 * @throws BuildError if it cannot be read
 */
export async function compareSquashfs(file: string, meant: Meant): Promise<string[]> {
  const descriptor = openSync(file, 'r');
  using reader = new ContentReader();
  try {
    const { size } = fstatSync(descriptor);
    const image = await readSquashfs((offset, length) => {
      // Before memory is taken for it: a length may be anything.
      if (offset + length > size) throw unreadable('it ends too early', file);
      const bytes = Buffer.allocUnsafeSlow(length);
      if (readSync(descriptor, bytes, 0, length, offset) === length) return bytes;
      throw unreadable('it ends too early', file);
    }, file);
    const { problems, files } = comparePaths(image.nodes, meant);
    const root = image.nodes[0];
    if (root === undefined || root.mode !== ROOT_MODE || root.uid !== 0 || root.gid !== 0) {
      problems.push('the root directory is not 0755 of root');
    }
    if (size !== Math.ceil(image.superblock.bytesUsed / PADDED_TO) * PADDED_TO) {
      problems.push(`it claims ${image.superblock.bytesUsed} bytes and has ${size}`);
    }
    if (image.superblock.madeAt !== meant.epoch) problems.push('it was made at another time');
    return [...problems, ...(await compareContents(image, files, reader))];
  } finally {
    closeSync(descriptor);
  }
}
