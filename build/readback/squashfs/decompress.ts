import { zstdDecompressSync } from 'node:zlib';
import { unreadable } from '../verdict.ts';
import type { SquashfsCompression } from './superblock.ts';

/**
 * Decompresses blocks separately.
 * @param most size limit of a decompressed block in bytes
 * @throws BuildError if a block is damaged or too large
 */
export type Decompress = (blocks: readonly Buffer[], most: number) => Promise<Buffer[]>;

/**
 * Returns the decompression function for squashfs blocks.
 * @param where the image, for messages
 */
export async function selectDecompressor(
  compression: SquashfsCompression,
  where: string,
): Promise<Decompress> {
  if (compression === 'zstd') return (blocks, most) => zstdBlocks(blocks, most, where);
  // Loaded on use: only xz needs a child process.
  const { decompressXz } = await import('../../process/xz.ts');
  return (blocks, most) => decompressXz(blocks, most, where);
}

/** Synchronous and sequential: decompressing a block takes less time than passing it to another thread. */
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
