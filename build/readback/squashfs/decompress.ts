import { zstdDecompressSync } from 'node:zlib';
import { unreadable } from '../verdict.ts';
import type { SquashfsCompression } from './superblock.ts';

/**
 * Decompresses blocks, each by itself.
 * @param most bytes that one of them may have decompressed
 * @throws BuildError if one is damaged or larger
 */
export type Decompress = (blocks: readonly Buffer[], most: number) => Promise<Buffer[]>;

/**
 * Decompression of squashfs blocks.
 * @param where the image, for messages
 */
export async function decompressor(
  compression: SquashfsCompression,
  where: string,
): Promise<Decompress> {
  if (compression === 'zstd') return (blocks, most) => zstdBlocks(blocks, most, where);
  // Programs are run for xz only; what runs them takes a while to load.
  const { decompressXz } = await import('../../process/xz.ts');
  return (blocks, most) => decompressXz(blocks, most, where);
}

/** Synchronous, one after the other: a block takes less time than handing it to another thread. */
async function zstdBlocks(
  blocks: readonly Buffer[],
  most: number,
  where: string,
): Promise<Buffer[]> {
  const options = { chunkSize: most, maxOutputLength: most };
  try {
    return blocks.map((block) => zstdDecompressSync(block, options));
  } catch (cause) {
    throw unreadable('a block does not decompress', where, cause);
  }
}
