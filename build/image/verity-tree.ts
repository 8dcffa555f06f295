import { hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { BuildError } from '../error.ts';

/** Bytes of a block, of the data and of the tree. */
export const VERITY_BLOCK = 4096;
export const HASH_ALGORITHM = 'sha256';
/** Bytes of a hash; so many fit into a block without a rest. */
const HASH = 32;
const HASHES_PER_BLOCK = VERITY_BLOCK / HASH;

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
  const levels = [await hashFileByBlocks(file, signal)];
  for (let below = levels[0]; below !== undefined && below.length > VERITY_BLOCK; ) {
    below = padded(hashBlocks(below));
    levels.unshift(below);
  }
  const [top] = levels;
  // One block of data has no tree: its own hash is the root.
  const rootHash = top === undefined || dataBlocks === 1 ? top?.subarray(0, HASH) : hashBlock(top);
  if (rootHash === undefined) throw new Error('a tree has no top');
  const superblock = superblockOf(rootHash, dataBlocks);
  const tree = dataBlocks === 1 ? [] : levels;
  return {
    bytes: Buffer.concat([superblock, ...tree]),
    rootHash: rootHash.toString('hex'),
    dataBlocks,
  };
}

async function hashFileByBlocks(file: string, signal: AbortSignal | undefined): Promise<Buffer> {
  const hashes: Buffer[] = [];
  // A multiple of a block, and a file gives no less before its end.
  const highWaterMark = 256 * VERITY_BLOCK;
  for await (const chunk of createReadStream(file, { highWaterMark, signal })) {
    hashes.push(hashBlocks(chunk));
  }
  return padded(Buffer.concat(hashes));
}

/** The hashes of blocks, one behind the other. */
function hashBlocks(blocks: Buffer): Buffer {
  const hashes = Buffer.alloc((blocks.length / VERITY_BLOCK) * HASH);
  for (let at = 0; at < blocks.length; at += VERITY_BLOCK) {
    hashBlock(blocks.subarray(at, at + VERITY_BLOCK)).copy(hashes, (at / VERITY_BLOCK) * HASH);
  }
  return hashes;
}

function hashBlock(block: Buffer): Buffer {
  return hash(HASH_ALGORITHM, block, 'buffer');
}

/** With zeros up to whole blocks. */
function padded(hashes: Buffer): Buffer {
  const blocks = Math.ceil(hashes.length / HASH / HASHES_PER_BLOCK);
  return Buffer.concat([hashes], blocks * VERITY_BLOCK);
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
