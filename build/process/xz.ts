import { BuildError } from '../error.ts';
import { makeIsolatedEnvironment } from './environment.ts';
import { explainToolError, isChildError } from './run.ts';
import { logTool } from './tool-log.ts';

/** Size of a stream's footer in bytes: CRC32, backward size, flags, `YZ` (The .xz File Format 1.2.1, 2.1.2). */
const FOOTER = 12;

/**
 * Decompresses complete .xz streams with one process: `xz` accepts concatenated streams, and the index of each stream
 * shows where the stream ends in the output.
 * @param most size limit of each decompressed stream in bytes
 * @param where the file that contains them, for messages
 * @throws BuildError if one is damaged or too large, or xz is missing
 */
export async function decompressXz(
  streams: readonly Buffer[],
  most: number,
  where: string,
): Promise<Buffer[]> {
  if (streams.length === 0) return [];
  const sizes = streams.map((stream) => uncompressedSize(stream, where));
  if (sizes.some((size) => size > most)) throw damaged('an xz stream is too large', where);
  const bytes = await decompressAll(streams, where);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (bytes.length !== total)
    throw damaged('an xz stream does not have the size that it states', where);
  let end = 0;
  return sizes.map((size) => {
    end += size;
    return bytes.subarray(end - size, end);
  });
}

async function decompressAll(streams: readonly Buffer[], where: string): Promise<Buffer> {
  const { execa } = await import('execa');
  try {
    const words = ['--decompress', '--stdout', '--no-warn'];
    const child = execa('xz', words, {
      env: makeIsolatedEnvironment(),
      extendEnv: false,
      input: Buffer.concat(streams),
      encoding: 'buffer',
      stripFinalNewline: false,
      maxBuffer: 2 ** 31,
    });
    const { stdout } = await logTool(child, ['xz', ...words]);
    return Buffer.from(stdout.buffer, stdout.byteOffset, stdout.byteLength);
  } catch (error) {
    if (isChildError(error) && error.exitCode === 1) {
      throw damaged('an xz stream is damaged', where, error);
    }
    throw explainToolError('xz', error);
  }
}

/** Adds up the sizes in the index at the end of a stream (The .xz File Format 1.2.1, 4). */
function uncompressedSize(stream: Buffer, where: string): number {
  if (stream.length < 2 * FOOTER || stream.toString('latin1', stream.length - 2) !== 'YZ') {
    throw damaged('this is not an xz stream', where);
  }
  const indexSize = (stream.readUInt32LE(stream.length - FOOTER + 4) + 1) * 4;
  let at = stream.length - FOOTER - indexSize;
  if (at < FOOTER || stream[at] !== 0) throw damaged('this is not an xz stream', where);
  at += 1;
  const number = (): number => {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 42; factor *= 128) {
      const byte = stream[at] ?? 0;
      at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw damaged('this is not an xz stream', where);
  };
  let size = 0;
  for (let records = number(); records > 0; records -= 1) {
    if (at >= stream.length - FOOTER) throw damaged('this is not an xz stream', where);
    number(); // Compressed size.
    size += number();
  }
  return size;
}

function damaged(what: string, where: string, cause?: unknown): BuildError {
  return new BuildError({ what, where, fix: 'Download or build it again.', cause });
}
