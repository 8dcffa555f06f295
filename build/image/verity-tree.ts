import { hash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { BuildError } from '../error.ts';

/** Block size of the data and of the tree in bytes. */
export const VERITY_BLOCK = 4096;
export const HASH_ALGORITHM = 'sha256';
/** Size of a hash in bytes; it divides the block size. */
const HASH = 32;
const HASHES_PER_BLOCK = VERITY_BLOCK / HASH;
/** Number of data blocks per read. */
const AT_ONCE = 256;

/** The hash tree of a file, with which dm-verity verifies each block that is read. */
export interface VerityTree {
  /** The content of the tree's file: a block with the superblock, then the tree. */
  bytes: Buffer;
  /** Hash of the top block, hex. It alone has to be trusted to verify everything else. */
  rootHash: string;
  /** Number of blocks of the file. */
  dataBlocks: number;
}

/**
 * Computes the hash tree of a file, reading it once. There is no salt, so that the same file gives the same tree. The
 * format is version 1 of veritysetup(8): Linux, Documentation/admin-guide/device-mapper/verity.rst; the superblock is
 * described in cryptsetup's wiki, DMVerity.
 * @throws BuildError if the file is empty or not a whole number of blocks
 */
export async function makeVerityTree(file: string, signal?: AbortSignal): Promise<VerityTree> {
  const { size } = await stat(file);
  const dataBlocks = size / VERITY_BLOCK;
  if (dataBlocks < 1 || !Number.isInteger(dataBlocks)) {
    throw new BuildError({
      what: `a file of ${size} bytes has no hash tree: it is not a whole number of blocks of ${VERITY_BLOCK} bytes`,
      where: file,
      fix: 'This is a bug of the builder: mksquashfs pads what it writes to such blocks.',
    });
  }
  const levels = [await hashFileByBlocks(file, dataBlocks, signal)];
  for (let below = levels[0]; below !== undefined && below.length > VERITY_BLOCK; ) {
    below = hashBlocks(below);
    levels.unshift(below);
  }
  const [top] = levels;
  // A single data block has no tree: its own hash is the root hash.
  if (top === undefined) throw new Error('a tree has no top');
  const rootHash = (dataBlocks === 1 ? top : hashBlocks(top)).subarray(0, HASH);
  const superblock = superblockOf(rootHash, dataBlocks);
  const tree = dataBlocks === 1 ? [] : levels;
  return {
    bytes: Buffer.concat([superblock, ...tree]),
    rootHash: rootHash.toString('hex'),
    dataBlocks,
  };
}

async function hashFileByBlocks(
  path: string,
  dataBlocks: number,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const hashes = roomFor(dataBlocks);
  const buffer = Buffer.allocUnsafeSlow(AT_ONCE * VERITY_BLOCK);
  await using file = await open(path, 'r');
  for (let first = 0; first < dataBlocks; first += AT_ONCE) {
    signal?.throwIfAborted();
    const blocks = buffer.subarray(0, Math.min(AT_ONCE, dataBlocks - first) * VERITY_BLOCK);
    const { bytesRead } = await file.read(blocks, 0, blocks.length, first * VERITY_BLOCK);
    if (bytesRead !== blocks.length) throw new Error(`${path} has become shorter`);
    writeHashes(blocks, hashes, first);
  }
  return hashes;
}

/** Hashes blocks; the hashes are concatenated and padded with zeros to whole blocks. */
function hashBlocks(blocks: Buffer): Buffer {
  const hashes = roomFor(blocks.length / VERITY_BLOCK);
  writeHashes(blocks, hashes, 0);
  return hashes;
}

/** @param first number of the first block, which determines the position of its hash */
function writeHashes(blocks: Buffer, hashes: Buffer, first: number): void {
  for (let at = 0; at < blocks.length; at += VERITY_BLOCK) {
    // A string with one character per byte: creating a buffer for each of some ten thousand hashes takes as long as
    // hashing.
    const text = hash(HASH_ALGORITHM, blocks.subarray(at, at + VERITY_BLOCK), 'latin1');
    hashes.write(text, (first + at / VERITY_BLOCK) * HASH, 'latin1');
  }
}

/** Returns a zeroed buffer for the hashes of a number of blocks, rounded up to whole blocks. */
function roomFor(count: number): Buffer {
  return Buffer.alloc(Math.ceil(count / HASHES_PER_BLOCK) * VERITY_BLOCK);
}

/** The kernel does not need the superblock; veritysetup(8) reads the tree's parameters from it. */
function superblockOf(rootHash: Buffer, dataBlocks: number): Buffer {
  const block = Buffer.alloc(VERITY_BLOCK);
  block.write('verity\0\0', 0, 'latin1');
  block.writeUInt32LE(1, 8);
  block.writeUInt32LE(1, 12);
  rootHash.copy(block, 16, 0, 16);
  block.write(HASH_ALGORITHM, 32, 'latin1');
  block.writeUInt32LE(VERITY_BLOCK, 64);
  block.writeUInt32LE(VERITY_BLOCK, 68);
  block.writeBigUInt64LE(BigInt(dataBlocks), 72);
  return block;
}
