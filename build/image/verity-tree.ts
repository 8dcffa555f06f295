import { hash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { BuildError } from '../error.ts';

/** Bytes of a block, of the data and of the tree. */
export const VERITY_BLOCK = 4096;
export const HASH_ALGORITHM = 'sha256';
/** Bytes of a hash; so many fit into a block without a rest. */
const HASH = 32;
const HASHES_PER_BLOCK = VERITY_BLOCK / HASH;
/** Blocks of data that are read at once. */
const AT_ONCE = 256;

/** The hash tree of a file, by which dm-verity checks each block that is read from it. */
export interface VerityTree {
  /** The superblock in a block of its own, and behind it the tree: what goes into a file. */
  bytes: Buffer;
  /** Hash of the tree's top, hex. Who has it can trust nothing else and yet read the file. */
  rootHash: string;
  /** Blocks of the file. */
  dataBlocks: number;
}

/**
 * Makes the hash tree of a file, reading it once. It has no salt, so that the same file gives the same tree.
 * The form is that of veritysetup(8), version 1: Linux, Documentation/admin-guide/device-mapper/verity.rst; the superblock
 * is in cryptsetup's wiki, DMVerity.
 * @throws BuildError if the file is empty or is not whole blocks
 */
export async function makeVerityTree(file: string, signal?: AbortSignal): Promise<VerityTree> {
  const { size } = await stat(file);
  const dataBlocks = size / VERITY_BLOCK;
  if (dataBlocks < 1 || !Number.isInteger(dataBlocks)) {
    throw new BuildError({
      what: `a file of ${size} bytes has no hash tree: it is not blocks of ${VERITY_BLOCK} bytes`,
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
  // One block of data has no tree: its own hash is the root.
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

/** The hashes of blocks, one behind the other, and zeros behind them up to whole blocks. */
function hashBlocks(blocks: Buffer): Buffer {
  const hashes = roomFor(blocks.length / VERITY_BLOCK);
  writeHashes(blocks, hashes, 0);
  return hashes;
}

/** @param first number of the first block, whose hash goes to this place */
function writeHashes(blocks: Buffer, hashes: Buffer, first: number): void {
  for (let at = 0; at < blocks.length; at += VERITY_BLOCK) {
    // As text, byte for byte: a buffer for each of some ten thousand hashes costs as much as the hashes themselves.
    const text = hash(HASH_ALGORITHM, blocks.subarray(at, at + VERITY_BLOCK), 'latin1');
    hashes.write(text, (first + at / VERITY_BLOCK) * HASH, 'latin1');
  }
}

/** Zeros, as many as the hashes of so many blocks take, up to whole blocks. */
function roomFor(count: number): Buffer {
  return Buffer.alloc(Math.ceil(count / HASHES_PER_BLOCK) * VERITY_BLOCK);
}

/** The kernel does without it; veritysetup(8) reads from it what the tree is of. */
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
