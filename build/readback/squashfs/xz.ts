import { execa } from 'execa';
import { isolatedEnvironment } from '../../process/environment.ts';
import { toolError } from '../../process/run.ts';
import { unreadable } from '../verdict.ts';

/** Bytes of a stream's footer: CRC32, backward size, flags, `YZ` (The .xz File Format 1.2.1, 2.1.2). */
const FOOTER = 12;

/**
 * Decompresses blocks of which each is a complete .xz stream: `xz` reads such streams one after the other, and their
 * indexes tell where in its output each one ends.
 * @param most bytes that one of them may have decompressed
 * @throws BuildError if a block is damaged or larger, or xz is missing
 */
export async function xzBlocks(
  blocks: readonly Buffer[],
  most: number,
  where: string,
): Promise<Buffer[]> {
  if (blocks.length === 0) return [];
  const sizes = blocks.map((block) => uncompressedSize(block, where));
  if (sizes.some((size) => size > most)) throw unreadable('a block is too large', where);
  const bytes = await decompressAll(blocks);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (bytes.length !== total) throw unreadable('a block has not the size it says', where);
  let end = 0;
  return sizes.map((size) => {
    end += size;
    return bytes.subarray(end - size, end);
  });
}

async function decompressAll(blocks: readonly Buffer[]): Promise<Buffer> {
  try {
    const { stdout } = await execa('xz', ['--decompress', '--stdout', '--no-warn'], {
      env: isolatedEnvironment(),
      extendEnv: false,
      input: Buffer.concat(blocks),
      encoding: 'buffer',
      stripFinalNewline: false,
      maxBuffer: 2 ** 31,
    });
    return Buffer.from(stdout.buffer, stdout.byteOffset, stdout.byteLength);
  } catch (error) {
    throw toolError('xz', error);
  }
}

/** The sizes in the index at the end of a stream (The .xz File Format 1.2.1, 4), summed up. */
function uncompressedSize(stream: Buffer, where: string): number {
  const damaged = () => unreadable('a block is no .xz stream', where);
  if (stream.length < 2 * FOOTER || stream.toString('latin1', stream.length - 2) !== 'YZ') {
    throw damaged();
  }
  const indexSize = (stream.readUInt32LE(stream.length - FOOTER + 4) + 1) * 4;
  let at = stream.length - FOOTER - indexSize;
  if (at < FOOTER || stream[at] !== 0) throw damaged();
  at += 1;
  const number = (): number => {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 42; factor *= 128) {
      const byte = stream[at] ?? 0;
      at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw damaged();
  };
  let size = 0;
  for (let records = number(); records > 0; records -= 1) {
    if (at >= stream.length - FOOTER) throw damaged();
    number(); // Compressed.
    size += number();
  }
  return size;
}
