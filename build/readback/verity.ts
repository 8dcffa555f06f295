import { hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { Cursor } from './cursor.ts';
import { unreadable } from './verdict.ts';

const SIGNATURE = 'verity\0\0';
/** Size of the superblock in bytes; the rest of its block is empty. */
const SUPERBLOCK = 512;
/** Size of a SHA-256 in bytes. */
const HASH = 32;
/** Number of data blocks per read. */
const AT_ONCE = 256;

/** Files to check against each other. */
export interface VerityFiles {
  /** File with the data. */
  data: string;
  /** File with superblock and hash tree, in the format of veritysetup(8). */
  tree: string;
  /** In hex. */
  rootHash: string;
}

/**
 * Verifies all data with the hash tree as the kernel does, from the root hash down (Linux,
 * Documentation/admin-guide/device-mapper/verity.rst).
 * @returns the blocks that do not match the tree, one clause each
 * @throws BuildError if the tree cannot be read, or belongs to another file
 */
export async function compareVerity(
  { data, tree, rootHash }: VerityFiles,
  signal?: AbortSignal,
): Promise<string[]> {
  await using dataFile = await open(data, 'r');
  await using treeFile = await open(tree, 'r');
  const { size } = await dataFile.stat();
  const bytes = await treeFile.readFile();
  const { block, dataBlocks } = readSuperblock(bytes, tree);
  if (dataBlocks * block !== size) {
    throw unreadable(`it is of ${dataBlocks} blocks of ${block} bytes, not of ${size} bytes`, tree);
  }
  const { hashes, problems } = readLevels(bytes, { block, dataBlocks, rootHash, where: tree });
  return [...problems, ...(await compareData(dataFile, { block, dataBlocks, hashes, signal }))];
}

function readSuperblock(bytes: Buffer, where: string): { block: number; dataBlocks: number } {
  const cursor = new Cursor(bytes, 0, where);
  if (cursor.take(8).toString('latin1') !== SIGNATURE)
    throw unreadable('it is not a hash tree', where);
  const [version, type] = [cursor.u32(), cursor.u32()];
  cursor.take(16);
  const algorithm = cursor.take(32).toString('latin1').replace(/\0+$/, '');
  const [dataBlock, hashBlock] = [cursor.u32(), cursor.u32()];
  const dataBlocks = cursor.u64();
  const salt = cursor.u16();
  const form = [version, type, algorithm, dataBlock, hashBlock, salt].join(' ');
  if (form !== '1 1 sha256 4096 4096 0') throw unreadable(`its form is ${form}`, where);
  if (bytes.subarray(cursor.at, dataBlock).some((byte) => byte !== 0)) {
    throw unreadable(`what follows its superblock of ${SUPERBLOCK} bytes is not empty`, where);
  }
  return { block: dataBlock, dataBlocks };
}

interface Levels {
  block: number;
  dataBlocks: number;
  rootHash: string;
  where: string;
}

/** Verifies the levels of the tree from top to bottom. @returns the hashes of the data blocks */
function readLevels(bytes: Buffer, { block, dataBlocks, rootHash, where }: Levels) {
  const perBlock = block / HASH;
  const counts: number[] = [];
  for (let blocks = dataBlocks; blocks > 1; ) {
    blocks = Math.ceil(blocks / perBlock);
    counts.unshift(blocks);
  }
  const problems: string[] = [];
  const cursor = new Cursor(bytes, block, where);
  // Hashes are strings with one character per byte: creating some ten thousand buffers takes longer than hashing.
  let hashes: Buffer = Buffer.from(rootHash, 'hex');
  for (const [level, count] of counts.entries()) {
    const blocks = cursor.take(count * block);
    for (let index = 0; index < count; index += 1) {
      const found = hashOf(blocks.subarray(index * block, (index + 1) * block));
      if (found !== hashAt(hashes, index)) {
        problems.push(
          `block ${index} of level ${level} of its tree does not match the level above it`,
        );
      }
    }
    hashes = blocks;
  }
  if (cursor.at !== bytes.length) throw unreadable('it goes on after its end', where);
  if (hashes.subarray(dataBlocks * HASH).some((byte) => byte !== 0)) {
    throw unreadable('what follows its last hash is not empty', where);
  }
  return { hashes, problems };
}

interface Data {
  block: number;
  dataBlocks: number;
  hashes: Buffer;
  signal: AbortSignal | undefined;
}

async function compareData(file: FileHandle, { block, dataBlocks, hashes, signal }: Data) {
  const problems: string[] = [];
  const buffer = Buffer.allocUnsafe(AT_ONCE * block);
  for (let first = 0; first < dataBlocks; first += AT_ONCE) {
    signal?.throwIfAborted();
    const length = Math.min(AT_ONCE, dataBlocks - first) * block;
    await file.read(buffer, 0, length, first * block);
    for (let at = 0; at < length; at += block) {
      const index = first + at / block;
      if (hashOf(buffer.subarray(at, at + block)) !== hashAt(hashes, index)) {
        problems.push(`block ${index} of ${block} bytes does not match its hash tree`);
      }
    }
  }
  return problems;
}

function hashOf(block: Buffer): string {
  return hash('sha256', block, 'latin1');
}

function hashAt(hashes: Buffer, index: number): string {
  return hashes.toString('latin1', index * HASH, (index + 1) * HASH);
}
